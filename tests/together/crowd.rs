//! Many in one document.
