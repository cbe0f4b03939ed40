//! The binary.

use coedit::app::edit;
use coedit::editor::prompt::parse_place;
use coedit::view::safe;

fn main() -> std::process::ExitCode {
    let (places, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with('+'));
    let place = places.first().and_then(|place| parse_place(&place[1..]));
    let Some(path) = files.first() else {
        eprintln!("coedit: name a file, as in `coedit notes.txt`");
        return 2.into();
    };
    match edit::run(edit::Options { path: path.into(), place }) {
        Ok(()) => 0.into(),
        Err(error) => {
            eprintln!("coedit: {}", safe::line(&format!("{error:#}")));
            1.into()
        }
    }
}
