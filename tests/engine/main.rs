//! The text engine against a naive model of it: vectors, random scripts, every small script, recorded
//! writing, hostile bytes, undo and anchors. `docs/TESTING.md` says how to repeat a failing seed.

mod anchors;
mod causes;
mod exhaustion;
mod golden;
mod large_texts;
mod malformed;
mod product;
mod reference;
mod replica;
mod scripts;
mod small_scope;
mod time;
mod traces;
mod undo;
mod vectors;
mod volume;
mod whole_text;
