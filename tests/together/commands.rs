//! Commands: found by what they do, bound to other keys, configured.

use crate::support::home::Home;

/// A home with a configuration.
fn configured(config: &str) -> Home {
    let ana = Home::new("ana");
    std::fs::create_dir_all(ana.path("config/coedit")).expect("a folder");
    ana.file("config/coedit/config.toml", config);
    ana
}

#[test]
fn the_palette_finds_a_command_by_what_it_does_and_runs_it() {
    let ana = Home::new("ana");
    ana.file("a.txt", "one\ntwo\nthree\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("three");
    screen.press("ctrl-p");
    screen.wait_for_text("Save the file");
    screen.type_text("go to li");
    let view = screen.wait_for("the best match is chosen", |view| !view.contains("Save the file"));
    assert!(view.contains(">Go to LINE[:COL] (goto-line)") && view.contains("Ctrl-G"), "{}", view.drawn());
    screen.press("enter");
    screen.wait_for_text("Go to LINE[:COL]:");
    screen.type_text("3\r");
    screen.wait_for_status("3:1");
    screen.quit();
}

#[test]
fn keys_are_bound_by_the_configuration_which_is_read_again_when_saved() {
    let ana = configured("[keys]\n\"Ctrl-K Ctrl-D\" = \"duplicate\"\n");
    ana.file("a.txt", "one\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("one");
    screen.press_all(&["ctrl-k", "ctrl-d"]);
    screen.wait_for("the line is there twice", |view| {
        view.text_lines().starts_with(&["one".into(), "one".into()])
    });
    // A terminal tells that its window has the keyboard again.
    ana.file("config/coedit/config.toml", "[keys]\n\"Ctrl-T\" = \"duplicat\"\n");
    screen.send(b"\x1b[I");
    screen.wait_for_status("did you mean \"duplicate\"?");
    ana.file("config/coedit/config.toml", "[keys]\n\"Ctrl-T\" = \"goto-line\"\n");
    screen.send(b"\x1b[I");
    screen.wait_for_status("read again");
    screen.press("ctrl-t");
    screen.wait_for_text("Go to LINE[:COL]:");
    screen.press("esc");
}

#[test]
fn options_are_shown_with_their_origin_and_mistakes_with_their_line() {
    let ana = configured("color = 3\n");
    let shown = ana.ok(&["config", "--show", "--name", "bea"]);
    assert!(shown.contains("color = 3  # from config.toml line 1"), "{shown}");
    assert!(shown.contains("name = \"bea\"  # from the command line"), "{shown}");
    ana.file("config/coedit/config.toml", "\ncolour = 3\n");
    let refused = ana.run(&["config"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("config.toml line 2") && refused.stderr.contains("did you mean \"color\"?"),
        "{}",
        refused.stderr
    );
}
