// @ts-check
// The audience's palette, in the order of client/console/share/participants.py.

export const COLOURS = ["red", "orange", "gold", "green", "teal", "blue", "violet", "pink"];
