//! `coedit man`: the manual, one page for all commands.

use std::io::Write;

use clap::{Arg, Command};
use clap_mangen::Man;

use crate::app::cli;

/// Returns the page, in roff.
///
/// # Errors
/// None that memory does not have.
pub fn page() -> std::io::Result<Vec<u8>> {
    let mut program = cli::description();
    program.build();
    let mut out = Vec::new();
    let whole = Man::new(program.clone());
    whole.render_title(&mut out)?;
    whole.render_name_section(&mut out)?;
    whole.render_synopsis_section(&mut out)?;
    whole.render_description_section(&mut out)?;
    whole.render_options_section(&mut out)?;
    for command in program.get_subcommands() {
        put_command(&mut out, command, &format!("coedit {}", command.get_name()))?;
    }
    let mut examples = Vec::new();
    whole.render_extra_section(&mut examples)?;
    out.extend(String::from_utf8_lossy(&examples).replace(" EXTRA\n", " EXAMPLES\n").bytes());
    writeln!(out, "{FILES}")?;
    Ok(out)
}

/// What the command line does not say.
const FILES: &str = r#".SH FILES
.TP
\fI~/.config/coedit/config.toml\fR
Settings; `coedit config --show` prints each with its value and meaning. Mistakes in it are told with their line and stop nobody.
.TP
\fI~/.config/coedit/themes\fR
Themes of one's own.
.TP
\fI~/.local/share/coedit\fR
What was typed and not saved, undo, and the links of what was shared: all of it in one folder that only its owner can read.
.SH ENVIRONMENT
.TP
\fBCOEDIT_CREATE_TOKEN\fR
What a relay asks for before it takes new documents.
.TP
\fBHTTPS_PROXY\fR, \fBHTTP_PROXY\fR, \fBNO_PROXY\fR
The proxy that connections go through, and where they do not.
.TP
\fBNO_COLOR\fR
Without colours, whatever it is set to.
.SH EXIT STATUS
0: done. 1: failed; one sentence on standard error says why. 2: wrong usage."#;

/// Adds a section for a command, and those for the commands below it.
fn put_command(out: &mut Vec<u8>, command: &Command, name: &str) -> std::io::Result<()> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(());
    }
    let mut section = Vec::new();
    // What every command has stands above.
    let own = |arg: Arg| {
        let is_common = arg.is_global_set() || arg.get_id() == "help";
        arg.hide(is_common)
    };
    let page = Man::new(command.clone().display_name(name).bin_name(name).mut_args(own));
    page.render_synopsis_section(&mut section)?;
    page.render_description_section(&mut section)?;
    page.render_options_section(&mut section)?;
    page.render_extra_section(&mut section)?;
    // Sections of a page of its own are parts of this one's.
    let section = String::from_utf8_lossy(&section).replace(".SH ", ".SS ").replace(" EXTRA\n", " EXAMPLE\n");
    write!(out, ".SH {}\n{section}", name.to_uppercase().replace('-', "\\-"))?;
    for below in command.get_subcommands() {
        put_command(out, below, &format!("{name} {}", below.get_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_section_with_its_options() {
        let page = String::from_utf8(page().expect("it fits")).expect("UTF-8");
        for part in [".SH COEDIT SHARE\n", ".SH COEDIT RELAY CHECK\n", "\\-\\-allow\\-empty", ".SH FILES\n"] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("SIMULATE") && !page.contains("(1)\n"), "{page}");
    }
}
