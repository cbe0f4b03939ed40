//! The program `coedit`.

use std::io::Write;
use std::process::ExitCode;

use coedit::view::safe;

fn main() -> ExitCode {
    match coedit::app::run::run(coedit::app::edit::launch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The terminal may be gone: then there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "coedit: {}", safe::line(&format!("{error:#}")));
            // As for a command line that clap refuses.
            if error.is::<coedit::app::run::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
