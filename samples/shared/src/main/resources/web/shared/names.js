/** Names: checking, suggesting, and what is drawn from them. A name is any text, so it never becomes a key or markup. */

/** Characters that a server of these samples accepts, as UTF-16 code units count them, which is what a Kotlin `length` counts too. */
const MAX_NAME = 40;

const MOODS = "Amber Bold Brisk Calm Clever Curious Gentle Golden Happy Jolly Kind Lucky Merry Mighty Quick Quiet Sunny Swift Witty".split(" ");
const ANIMALS = "Badger Beaver Crane Dolphin Falcon Fox Gecko Heron Ibex Koala Lynx Marten Otter Panda Puffin Raven Seal Tapir Wombat".split(" ");

/** A friendly name for somebody who has no opinion. */
export function suggestName(random = Math.random) {
  const pick = (words) => words[Math.floor(random() * words.length)];
  return `${pick(MOODS)} ${pick(ANIMALS)}`;
}

/** What is wrong with a name, as a sentence to show, or null. The server refuses the same ones, but cannot say why to a browser. */
export function nameProblem(name) {
  const length = name.trim().length;
  if (length === 0) return "Please enter a name, so that the others know who is talking.";
  if (length > MAX_NAME) return `That is ${length} characters. A name can have ${MAX_NAME} at most.`;
  if (/[\p{Cc}\p{Cs}]/u.test(name.trim())) return "A name cannot contain control characters.";
  return null;
}

/** One or two letters for an avatar. */
export function initialsOf(name) {
  const words = name.split(/\s+/).filter(Boolean);
  if (words.length === 0) return "?";
  const letters = words.length > 1 ? [words[0], words[words.length - 1]].map(firstLetter) : [firstLetter(words[0])];
  return letters.join("").toUpperCase();
}

function firstLetter(word) {
  const characters = [...word];
  return characters.find((c) => /[\p{L}\p{N}]/u.test(c)) ?? characters[0] ?? "";
}

/** A hue in degrees, the same for the same name on every screen. FNV-1a: small, and spreads similar names. */
export function hueOf(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % 360;
}
