//! The editor that another program starts and waits for: git, crontab and their like.

use std::path::Path;

use crate::support::home::{Home, program};
use crate::support::screen::Screen;

/// Runs a shell script in which `EDITOR` is this program. What follows it is seen on the screen.
fn script(home: &Home, script: &str) -> Screen {
    let script = format!(
        "export EDITOR='{}' GIT_CONFIG_NOSYSTEM=1; {script}; echo \"ended with $?\"; read x",
        program()
    );
    Screen::spawn_program("sh", home, &["-c", &script], 24, 100)
}

const COMMIT: &str = "git init -q repo && cd repo && git config user.name ana && git config user.email ana@example.org \
                      && echo text > a && git add a && git commit -q";

fn log(home: &Home) -> String {
    let log = std::process::Command::new("git")
        .args(["log", "--format=%B"])
        .current_dir(home.path("repo"))
        .output();
    String::from_utf8(log.expect("git runs").stdout).expect("text")
}

#[test]
fn git_waits_for_its_message_and_takes_it() {
    let ana = Home::new("ana");
    let screen = script(&ana, COMMIT);
    screen.wait_for_text("COMMIT_EDITMSG");
    screen.wait_for_text("# Please enter the commit message");
    screen.type_text("a: first");
    screen.save();
    assert!(!screen.view().contains("ended with"), "git waits until the editor ends");
    screen.press("ctrl-q");
    screen.wait_for_text("ended with 0");
    assert_eq!(log(&ana).trim(), "a: first");
    // A message leaves no trace in what was open lately.
    let places = std::fs::read_to_string(ana.path("data/coedit/places.json")).unwrap_or_default();
    assert!(!places.contains("COMMIT_EDITMSG"), "{places}");
}

#[test]
fn git_commits_nothing_when_the_message_stays_empty_or_the_editor_is_ended() {
    let ana = Home::new("ana");
    let screen = script(&ana, COMMIT);
    screen.wait_for_text("COMMIT_EDITMSG");
    screen.press("ctrl-q");
    screen.wait_for_text("ended with 1");
    assert_eq!(log(&ana), "");

    // Somebody who wants out says so, and git believes it, whatever the file holds.
    let screen = script(&ana, "cd repo && git commit -q");
    screen.wait_for_text("COMMIT_EDITMSG");
    screen.type_text("a: no, not this");
    screen.save();
    screen.press("ctrl-p");
    screen.type_text("quit-failed\r");
    screen.wait_for_text("ended with 1");
    assert_eq!(log(&ana), "");
}

#[test]
fn several_files_are_edited_before_it_ends() {
    let ana = Home::new("ana");
    ana.file("a", "one\n");
    ana.file("b", "two\n");
    let screen = script(&ana, "$EDITOR a b");
    screen.wait_for("both are there", |view| view.contains("[a]") && view.contains("one"));
    screen.type_text("1");
    screen.save();
    screen.send(b"\x1b.");
    screen.wait_for_text("two");
    screen.type_text("2");
    screen.press("ctrl-q");
    screen.wait_for_text("[s]ave");
    screen.type_text("s");
    screen.wait_for_text("ended with 0");
    assert_eq!((ana.read("a").as_str(), ana.read("b").as_str()), ("1one\n", "2two\n"));
}

/// What `crontab -e` does in its several kinds: it makes a file among the temporary ones and waits. Some then read by the
/// name, some read what they have open still.
#[test]
fn a_file_among_the_temporary_ones_stays_the_same_file() {
    let ana = Home::new("ana");
    let screen = script(
        &ana,
        "mkdir -p tmp && echo '0 * * * * true' > tmp/crontab.X && exec 3< tmp/crontab.X && $EDITOR tmp/crontab.X \
         && cat <&3 > opened && cat tmp/crontab.X > named",
    );
    screen.wait_for_text("0 * * * * true");
    screen.type_text("# mine\r");
    screen.save();
    screen.wait_for_text("in place");
    screen.press("ctrl-q");
    screen.wait_for_text("ended with 0");
    assert_eq!(ana.read("named"), "# mine\n0 * * * * true\n");
    assert_eq!(ana.read("opened"), ana.read("named"));
}

/// Elsewhere a file is replaced in one step, so that whoever reads it reads all of it, before or after.
#[test]
fn a_file_elsewhere_is_replaced_in_one_step() {
    use std::os::unix::fs::MetadataExt;
    let ana = Home::new("ana");
    let path = ana.file("a", "old\n");
    let inode = |path: &Path| std::fs::metadata(path).expect("it is there").ino();
    let before = inode(&path);
    let screen = script(&ana, "exec 3< a; $EDITOR a && cat <&3 > opened");
    screen.wait_for_text("old");
    screen.type_text("new ");
    screen.save();
    screen.press("ctrl-q");
    screen.wait_for_text("ended with 0");
    assert_eq!((ana.read("a").as_str(), ana.read("opened").as_str()), ("new old\n", "old\n"));
    assert_ne!(inode(&path), before);
}
