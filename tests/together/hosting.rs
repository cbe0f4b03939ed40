//! Pairing without a relay: one person's editor serves the other.

use crate::support::home::Home;
use crate::support::screen::{Screen, View};

/// Returns the link on a screen.
fn link_on(view: &View) -> String {
    let row = view.rows.iter().find(|row| row.contains("/d/")).expect("a row with the link");
    let start = row.find("http").expect("a link");
    row[start..].split_whitespace().next().expect("a link").to_owned()
}

/// Ana serves a text of hers, and ben has joined it.
struct Hosted {
    ana: Home,
    ben: Home,
    /// On `pair.txt`.
    on_ana: Screen,
    /// On `mine.txt`.
    on_ben: Screen,
    link: String,
}

impl Hosted {
    /// Opens both screens, the host's with these arguments as well.
    fn open(args: &[&str]) -> Hosted {
        let (ana, ben) = (Home::new("ana"), Home::new("ben"));
        ana.file("pair.txt", "together\n");
        let args = [&["share", "pair.txt", "--name", "ana"], args].concat();
        let on_ana = ana.open_sized(&args, 40, 160);
        // The link alone is on the screen before the editor is.
        on_ana.wait_for_text("Others join");
        let link = link_on(&on_ana.view());
        on_ana.press("esc");
        on_ana.wait_for("the list is closed", |view| !view.contains("/d/"));
        let on_ben = ben.join(&link, "mine.txt");
        on_ben.wait_for_text("together");
        on_ben.wait_for_status("synced");
        Hosted { ana, ben, on_ana, on_ben, link }
    }
}

#[test]
fn a_file_whose_undo_was_kept_is_shared_and_joined_into() {
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    for home in [&ana, &ben] {
        home.file("pair.txt", "old\n");
        let screen = home.open(&["pair.txt"]);
        screen.wait_for_text("old");
        screen.type_text("mine ");
        screen.save();
        screen.quit();
    }
    let on_ana = ana.open_sized(&["share", "pair.txt", "--name", "ana"], 40, 160);
    let link = link_on(&on_ana.wait_for_text("/d/"));
    let on_ben = ben.join(&link, "pair.txt");
    on_ben.wait_for_text("mine old");
    on_ben.wait_for_status("synced");
    on_ben.press("ctrl-end");
    on_ben.type_text("ben");
    on_ana.wait_for_text("ben");
    on_ana.press("esc");
    on_ana.wait_for("the list is closed", |view| !view.contains("/d/"));
    // What she typed before she shared is hers to take back, and nothing of his is.
    on_ana.press_all(&["ctrl-z", "ctrl-z"]);
    on_ben.wait_for("her words are gone and his are not", |view| {
        view.text_lines().first().is_some_and(|line| line == "old") && view.contains("ben")
    });
    on_ben.press("ctrl-z");
    on_ben.wait_for("his are gone", |view| {
        view.contains("old") && !view.text_lines().contains(&"ben".to_owned())
    });
    on_ben.press("ctrl-z");
    on_ben.wait_for_status("nothing to undo");
}

#[test]
fn two_people_edit_without_a_relay() {
    let Hosted { ana, ben, on_ana, on_ben, .. } = Hosted::open(&[]);
    on_ben.press("ctrl-end");
    on_ben.type_text("from ben");
    on_ana.wait_for_text("from ben");
    on_ana.press("ctrl-home");
    on_ana.type_text("from ana ");
    on_ben.wait_for_text("from ana together");
    on_ben.wait_for_status("synced");
    on_ana.save();
    on_ben.save();
    assert_eq!(ana.read("pair.txt"), "from ana together\nfrom ben");
    assert_eq!(ben.read("mine.txt"), "from ana together\nfrom ben");
}

#[test]
fn guest_keeps_editing_when_the_host_is_gone() {
    let Hosted { ben, mut on_ana, on_ben, .. } = Hosted::open(&[]);
    on_ana.kill9();
    on_ben.wait_for_status("offline");
    on_ben.press("ctrl-end");
    on_ben.type_text("alone now");
    on_ben.wait_for_text("alone now");
    on_ben.save();
    assert_eq!(ben.read("mine.txt"), "together\nalone now");
}

#[test]
fn host_listens_again_where_it_was_told_to_and_its_link_goes_on_working() {
    let Hosted { ana, on_ana, on_ben, link, .. } = Hosted::open(&["--listen", "127.0.0.1:0"]);
    assert!(link.starts_with("http://127.0.0.1:"), "{link}");
    // Asked once, as a guest is here.
    on_ana.press("ctrl-q");
    on_ana.wait_for_status("1 guest is here");
    on_ana.quit();
    on_ben.wait_for_status("offline");
    on_ben.type_text("meanwhile ");
    let on_ana = ana.open_sized(&["pair.txt"], 40, 160);
    on_ben.press("ctrl-r");
    on_ben.wait_for_status("synced");
    on_ana.wait_for_text("meanwhile together");
    on_ana.send(b"\x1bOQ");
    assert_eq!(link_on(&on_ana.wait_for_text("/d/")), link);
}
