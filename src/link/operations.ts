/** The calls of link.ts as numbers on a port. 1 and 2 are questions and answers. */
export const ATTACH = 3;
export const DETACH = 4;
export const STANZA = 5;
export const ACTIVITY = 6;
export const DELIVER = 7;
export const FACTS = 8;
export const CLOSE = 9;
export const PAUSE = 10;
export const RESUME = 11;
export const ACCOUNT = 12;
/** A STANZA that a unit before this one took already; one that it was told, and died before it said that it had taken it. */
export const AGAIN = 13;
export const RETOLD = 16;
/** How far a unit has got with what it was told; BEGUN comes before what was RETOLD is tried. */
export const BEGUN = 17;
export const TAKEN = 14;
export const RESUMABLE = 18;
export const PASSED = 19;
export const ACKNOWLEDGED = 20;
export const FLOW = 21;
export const STORED = 22;
