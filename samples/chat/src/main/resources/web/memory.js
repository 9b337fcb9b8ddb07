/** Stores the name and the rooms in the browser. Does nothing if storage is disabled. */
import { roomProblem } from "./rooms.js";
import { MAX_ROOMS } from "./limits.js";
import { nameProblem } from "./shared/names.js";

const FIRST_ROOMS = ["lobby", "kotlin", "coffee"];

export function rememberedName() {
  const name = read("live-chat.name");
  return typeof name === "string" && nameProblem(name) === null ? name : null;
}

export function rememberName(name) {
  write("live-chat.name", name);
}

export function rememberedRooms() {
  const rooms = read("live-chat.rooms");
  const usable = Array.isArray(rooms)
    ? rooms.filter((room) => typeof room === "string" && roomProblem(room) === null)
    : [];
  return usable.length > 0 ? [...new Set(usable)].slice(0, MAX_ROOMS) : FIRST_ROOMS;
}

export function rememberRooms(rooms) {
  write("live-chat.rooms", [...rooms]);
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // storage is disabled or full: the next visit starts without stored values
  }
}
