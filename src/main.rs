//! The program `coedit`.

fn main() {}
