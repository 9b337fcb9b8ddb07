/**
 * Validates and suggests names, and derives initials and colors. A name is arbitrary text: never use it as key or
 * markup.
 */

/** Maximum length on the server, in UTF-16 code units, as counted by `length` in JavaScript and Kotlin. */
const MAX_NAME = 40;

const MOODS =
  "Amber Bold Brisk Calm Clever Curious Gentle Golden Happy Jolly Kind Lucky Merry Mighty Quick Quiet Sunny Swift Witty".split(
    " ",
  );
const ANIMALS =
  "Badger Beaver Crane Dolphin Falcon Fox Gecko Heron Ibex Koala Lynx Marten Otter Panda Puffin Raven Seal Tapir Wombat".split(
    " ",
  );

/** Returns a random friendly name. */
export function suggestName(random = Math.random) {
  const pick = (words) => words[Math.floor(random() * words.length)];
  return `${pick(MOODS)} ${pick(ANIMALS)}`;
}

/**
 * Returns an error text for an invalid name, or null. The server rejects the same names, but a browser hides its
 * reason.
 */
export function nameProblem(name) {
  const length = name.trim().length;
  if (length === 0) return "Please enter a name, so that others can see it.";
  if (length > MAX_NAME) return `The name has ${length} characters. The maximum is ${MAX_NAME}.`;
  if (/[\p{Cc}\p{Cs}]/u.test(name.trim())) return "A name cannot contain control characters.";
  return null;
}

/** One or two letters for the avatar. */
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

/** The hue of a name in degrees, equal on every device. FNV-1a is short, and separates similar names. */
export function hueOf(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % 360;
}
