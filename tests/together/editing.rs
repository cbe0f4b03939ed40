//! Two people in one text, with a relay between them.

use crate::support::home::{Home, assert_document_becomes, assert_saves_as};
use crate::support::proxy::Proxy;
use crate::support::relay::Relay;
use crate::support::screen::Screen;
use crate::support::{PATIENCE, eventually};

/// Two people who have opened one document, each with a file of their own.
pub struct Pair {
    /// Serves the document.
    pub relay: Relay,
    /// The link.
    pub link: String,
    /// Who shared.
    pub ana: Home,
    /// Who joined.
    pub ben: Home,
    /// The sharer's screen, on `ana.txt`.
    pub on_ana: Screen,
    /// The joiner's screen, on `ben.txt`.
    pub on_ben: Screen,
}

impl Pair {
    /// Shares `text` and opens it on both screens.
    pub fn open(text: &str) -> Pair {
        let relay = Relay::start();
        let (ana, ben) = (Home::new("ana"), Home::new("ben"));
        ana.file("ana.txt", text);
        let link = ana.share("ana.txt", &relay.url());
        let on_ana = ana.open(&["ana.txt", "--name", "ana"]);
        let on_ben = ben.join(&link, "ben.txt");
        let pair = Pair { relay, link, ana, ben, on_ana, on_ben };
        pair.wait_until_synced();
        let first_line = text.lines().next().unwrap_or("");
        pair.on_ana.wait_for_text(first_line);
        pair.on_ben.wait_for_text(first_line);
        pair
    }

    /// Waits until both status lines say so.
    #[track_caller]
    pub fn wait_until_synced(&self) {
        self.on_ana.wait_at_most(PATIENCE * 3, "ana is in sync", |view| view.status().contains("synced"));
        self.on_ben.wait_at_most(PATIENCE * 3, "ben is in sync", |view| view.status().contains("synced"));
    }

    /// Waits until both screens show the same text, of which `is_all_there` holds, and returns it.
    #[track_caller]
    pub fn wait_until_equal(&self, what: &str, is_all_there: impl Fn(&[String]) -> bool) -> Vec<String> {
        self.on_ana.wait_for(what, |view| is_all_there(&view.text_lines()));
        let view = self.on_ben.wait_for(what, |view| {
            let lines = view.text_lines();
            is_all_there(&lines) && lines == self.on_ana.view().text_lines()
        });
        view.text_lines()
    }

    /// Saves on both sides, and panics unless both files and the document are equal. Returns the text.
    #[track_caller]
    pub fn save_and_compare(&self) -> String {
        let text = Home::new("reader").run(&["cat", &self.link]).stdout;
        assert_saves_as(&self.on_ana, &self.ana, "ana.txt", &text);
        assert_saves_as(&self.on_ben, &self.ben, "ben.txt", &text);
        text
    }
}

#[test]
fn what_two_people_type_at_different_places_is_on_both_screens_and_in_both_files() {
    let pair = Pair::open("first line\nlast line\n");
    pair.on_ana.press("ctrl-home");
    pair.on_ana.type_text("ana was here\r");
    pair.on_ben.press("ctrl-end");
    pair.on_ben.type_text("ben was here");
    let expected = ["ana was here", "first line", "last line", "ben was here"];
    pair.wait_until_equal("both lines on both screens", |lines| lines == expected);
    pair.wait_until_synced();
    assert_eq!(pair.save_and_compare(), "ana was here\nfirst line\nlast line\nben was here");
}

#[test]
fn what_two_people_type_at_the_same_place_ends_equal_with_every_character() {
    let pair = Pair::open("[]\n");
    let typing = [(&pair.on_ana, 'a'), (&pair.on_ben, 'b')];
    std::thread::scope(|scope| {
        for (screen, ch) in typing {
            scope.spawn(move || {
                screen.press_all(&["ctrl-home", "right"]);
                (0..40).for_each(|_| screen.type_text(&ch.to_string()));
            });
        }
    });
    let n_of = |lines: &[String], ch| lines.first().map_or(0, |line| line.matches(ch).count());
    let lines = pair.wait_until_equal("80 characters on both screens", |lines| {
        n_of(lines, 'a') == 40 && n_of(lines, 'b') == 40
    });
    assert!(lines[0].starts_with('[') && lines[0].ends_with(']'), "{lines:?}");
    pair.wait_until_synced();
    let text = pair.save_and_compare();
    assert_eq!(text.chars().count(), 83);
}

#[test]
fn people_see_who_is_there_and_who_left() {
    let pair = Pair::open("hello\n");
    pair.on_ana.wait_for_text("ben");
    pair.on_ben.wait_for_text("ana");
    pair.on_ana.wait_for("2 people", |view| view.status().contains("2 here"));
    let Pair { on_ana, on_ben, relay, .. } = pair;
    on_ben.quit();
    on_ana.wait_for("ben is gone from the screen", |view| !view.contains("ben"));
    drop(relay);
}

#[test]
fn undo_takes_back_only_what_one_wrote_oneself() {
    let pair = Pair::open("base\n");
    pair.on_ana.press("ctrl-end");
    pair.on_ana.type_text("mine");
    pair.on_ben.wait_for_text("mine");
    pair.on_ben.press("ctrl-home");
    pair.on_ben.type_text("theirs ");
    pair.on_ana.wait_for_text("theirs base");
    pair.on_ana.press("ctrl-z");
    pair.wait_until_equal("only the other's text is left", |lines| {
        lines.first().is_some_and(|line| line == "theirs base")
            && !lines.iter().any(|line| line.contains("mine"))
    });
    pair.on_ana.press("ctrl-y");
    pair.on_ben.wait_for_text("mine");
}

#[test]
fn a_large_paste_arrives_whole() {
    let pair = Pair::open("start\n");
    let block: String = (0..5_000).map(|i| format!("line {i} 界 é\n")).collect();
    pair.on_ana.press("ctrl-end");
    pair.on_ana.send(&crate::support::keys::pasted(&block));
    pair.on_ana.wait_for_text("line 4999 界 é");
    // The end moves away while the text still arrives.
    eventually("the end of the paste on the other screen", PATIENCE, || {
        pair.on_ben.press("ctrl-end");
        pair.on_ben.view().contains("line 4999").then_some(())
    });
    pair.wait_until_synced();
    assert_document_becomes(&pair.link, &format!("start\n{block}"));
}

#[test]
fn a_file_that_was_shared_goes_online_again_by_itself() {
    let Pair { relay, link, ana, ben, on_ana, on_ben } = Pair::open("once\n");
    on_ana.quit();
    on_ben.quit();
    let on_ana = ana.open(&["ana.txt"]);
    let on_ben = ben.open(&["ben.txt"]);
    on_ana.wait_for_status("synced");
    on_ben.wait_for_status("synced");
    on_ana.press("ctrl-home");
    on_ana.type_text("twice ");
    on_ben.wait_for_text("twice once");
    on_ana.wait_for_status("synced");
    assert_document_becomes(&link, "twice once\n");
    drop(relay);
}

#[test]
fn scripts_read_and_write_a_document() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("notes.txt", "one\ntwo\n");
    let link = ana.share("notes.txt", &relay.url());
    let ben = Home::new("ben");
    assert_eq!(ben.run(&["cat", &link]).stdout, "one\ntwo\n");
    let outcome = ben.run_with_input(&["put", &link], b"one\n1.5\ntwo\n");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(ana.run(&["cat", &link]).stdout, "one\n1.5\ntwo\n");
    // The same text once more is no edit.
    assert_eq!(ben.run_with_input(&["put", &link], b"one\n1.5\ntwo\n").code, Some(0));
    assert_eq!(ana.run(&["cat", &link]).stdout, "one\n1.5\ntwo\n");
    // A script's edit leaves the cursor of a person where it was.
    let on_ana = ana.open(&["notes.txt"]);
    on_ana.wait_for_status("synced");
    on_ana.wait_for_text("1.5");
    on_ana.press("ctrl-end");
    assert_eq!(ben.run_with_input(&["put", &link], b"zero\none\n1.5\ntwo\n").code, Some(0));
    on_ana.wait_for_text("zero");
    on_ana.type_text("end");
    on_ana.wait_for_status("synced");
    assert_document_becomes(&link, "zero\none\n1.5\ntwo\nend");
}

#[test]
fn sharing_from_the_editor_shows_the_link() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("plan.txt", "the plan\n");
    let on_ana = ana.open_sized(&["share", "plan.txt", "--relay", &relay.url(), "--name", "ana"], 30, 160);
    let view = on_ana.wait_for_text("/d/");
    let row = view.rows.iter().find(|row| row.contains("/d/")).expect("a row with the link");
    let start = row.find("http").expect("a link");
    let link: String = row[start..].split_whitespace().next().expect("a link").to_owned();
    assert!(link.contains('#'), "no secret in {link}");
    on_ana.wait_for_status("synced");
    assert_document_becomes(&link, "the plan\n");
}

#[test]
fn a_joined_text_has_the_name_it_was_shared_under_and_never_takes_a_file_that_is_there() {
    let relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("plan.txt", "alpha\nbeta\ngamma\n");
    let link = ana.share("plan.txt", &relay.url());
    ben.file("plan.txt", "ben's own\n");
    let on_ben = ben.open(&["join", &link]);
    on_ben.wait_for_text("plan-2.txt");
    on_ben.wait_for_text("gamma");
    on_ben.save();
    assert_eq!(
        (ben.read("plan.txt").as_str(), ben.read("plan-2.txt").as_str()),
        ("ben's own\n", "alpha\nbeta\ngamma\n")
    );
    // A file with nearly the same text: what differs is there twice, what is the same once.
    let eva = Home::new("eva");
    eva.file("mine.txt", "alpha\nBETA\ngamma\n");
    let on_eva = eva.join(&link, "mine.txt");
    on_eva.wait_for_text("beta");
    on_eva.press("ctrl-s");
    on_eva.wait_for_text("[m]erge");
    on_eva.type_text("m");
    on_eva.wait_for_text("BETA");
    assert_document_becomes(&link, "alpha\nbeta\nBETA\ngamma\n");
}

#[test]
fn the_outline_lists_what_a_text_defines_and_goes_there() {
    let ana = Home::new("ana");
    let filler = "// filler\n".repeat(60);
    ana.file("a.rs", format!("struct First;\n{filler}fn second() {{}}\n{filler}mod third {{}}\n"));
    let screen = ana.open_sized(&["a.rs"], 24, 80);
    screen.wait_for_text("struct First");
    screen.send(b"\x1bg");
    screen.wait_for_text("third");
    screen.wait_for_text("function  line 62");
    screen.type_text("sec\r");
    screen
        .wait_for("the place is shown", |view| view.contains("fn second") && view.status().contains("62:4"));
    screen.send(b"\x1bg");
    let view = screen.wait_for_text("3/3");
    assert!(view.contains(">second"), "the symbol at the caret is chosen: {}", view.drawn());
    screen.press("esc");
    let screen = ana.open(&["notes.txt"]);
    screen.wait_for_status("Text");
    screen.send(b"\x1bg");
    screen.wait_for_status("there is no outline for Text");
}

#[test]
fn who_may_only_read_types_nothing_and_gives_up_what_nobody_gets() {
    let relay = Relay::start();
    let way = Proxy::start(relay.port());
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("plan.txt", "plan\n");
    let link = ana.share("plan.txt", &relay.url());
    let on_ben = ben.join(&way.link_through(&link), "mine.txt");
    on_ben.wait_for_text("plan");
    on_ben.wait_for_status("synced");
    eventually("ben is made a reader", PATIENCE, || {
        let done = ana.run(&["people", &link, "--demote", "ben"]);
        (done.code == Some(0)).then_some(())
    });
    on_ben.wait_for_status("read only");
    on_ben.type_text("not to be ");
    on_ben.wait_for_status("you may look");
    way.cut();
    on_ben.wait_for_status("offline");
    on_ben.type_text("unsent ");
    on_ben.wait_for_text("unsent plan");
    way.restore();
    on_ben.press("ctrl-r");
    on_ben.wait_for_status("7 edits kept here only");
    on_ben.press("ctrl-p");
    on_ben.type_text("drop-mine\r");
    on_ben.wait_for_status("what you had is in");
    on_ben.wait_for("the shared text is shown", |view| {
        view.text_lines().first().is_some_and(|line| line == "plan")
    });
    assert_eq!(ben.read("mine-mine.txt"), "unsent plan\n");
    assert_document_becomes(&link, "plan\n");
}

#[test]
fn a_command_changes_what_it_changes_and_what_others_typed_since_stays() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("list.txt", "one\ntwo\n");
    let link = ana.share("list.txt", &relay.url());
    ana.file("read.txt", "one\ntwo\n");
    let put =
        |args: &[&str], text: &str| ana.run_with_input(&[&["put", &link], args].concat(), text.as_bytes());
    assert_eq!(put(&[], "one\ntwo\nben's\n").code, Some(0));
    assert_eq!(put(&["--base", "read.txt"], "ONE\ntwo\n").code, Some(0));
    assert_document_becomes(&link, "ONE\ntwo\nben's\n");
    ana.ok(&["edit", &link, "--", "sed", "s/two/TWO/"]);
    assert_document_becomes(&link, "ONE\nTWO\nben's\n");
    for (args, words) in [
        (vec!["put", &link], "--allow-empty"),
        (vec!["edit", &link, "--", "true"], "--allow-empty"),
        (vec!["edit", &link, "--", "false"], "nothing was changed"),
        (vec!["edit", &link, "--", "no-such-program"], "could not be run"),
    ] {
        let refused = ana.run(&args);
        assert!(refused.code == Some(1) && refused.stderr.contains(words), "{args:?}: {}", refused.stderr);
    }
    assert_document_becomes(&link, "ONE\nTWO\nben's\n");
    assert_eq!(put(&["--allow-empty"], "").code, Some(0));
    assert_document_becomes(&link, "");
}
