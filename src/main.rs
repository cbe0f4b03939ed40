//! The program `coedit`.

use std::process::ExitCode;

use coedit::view::safe;

fn main() -> ExitCode {
    match coedit::app::run::run(coedit::app::edit::launch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coedit: {}", safe::line(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
