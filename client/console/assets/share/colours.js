// The audience's palette, as client/console/share/guests.py numbers it.

export const COLOURS = ["red", "orange", "gold", "green", "teal", "blue", "violet", "pink"];
