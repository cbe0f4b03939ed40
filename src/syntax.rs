//! Rank 2: languages: which one a text is in, how it is edited, and what its parts are.
//!
//! `language` is the table. `highlighter` keeps a text's syntax tree in step and says which kind each visible
//! character is of. It knows no document and no screen, and works as long as its caller lets it.

pub mod grammar;
pub mod highlighter;
pub mod kind;
pub mod language;
pub mod outline;
mod paint;
