use super::{Bench, Settings, check};
use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::command::COMMANDS;
use crate::editor::key::{Mouse, MouseKind};
use crate::editor::keymap::{self, Found};
use crate::editor::picker::{Item, PickerKind};
use crate::editor::prompt::Prompt;
use crate::editor::{Effect, Msg, Overlay, update};
use crate::protocol::ConnectionId;
use crate::protocol::link_url::LinkUrl;
use crate::protocol::presence::{Activity, Presence};
use crate::sync::{Status, Via};

#[test]
fn a_line_that_is_not_read_yet_is_gone_to_when_it_is_here() {
    use crate::crdt::ReplicaId;
    use crate::document::Document;
    use crate::editor::Model;
    use crate::editor::file::FileMeta;
    let part = |n: usize| {
        Document::of_text(ReplicaId::new(1), ropey::Rope::from_str(&"x\n".repeat(n))).expect("it fits")
    };
    let mut bench = Bench::new("", Settings::default());
    let meta = FileMeta { loading: Some(0), read_only: Some("loading".to_owned()), ..FileMeta::default() };
    bench.model = Model::new(part(10), meta);
    bench.press("<Ctrl-G>50:2<Enter>");
    assert_eq!(bench.model.place(), (1, 1));
    bench.model.grow(part(20), 30);
    assert_eq!(bench.model.place(), (1, 1));
    bench.model.grow(part(60), 70);
    assert_eq!(bench.model.place(), (50, 2));
    bench.press("<Ctrl-G>99<Enter>");
    let mut whole = Model::new(part(100), FileMeta::default());
    whole.go_on_from(&mut bench.model);
    assert_eq!(whole.place(), (99, 1));
    // Whoever moves meanwhile stays.
    bench.press("<Ctrl-G>99<Enter><Up>");
    let mut whole = Model::new(part(100), FileMeta::default());
    whole.go_on_from(&mut bench.model);
    assert_eq!(whole.place(), (49, 2));
    assert!(!whole.is_modified());
}

#[test]
fn a_shorter_text_is_gone_on_with_at_its_end() {
    use crate::crdt::ReplicaId;
    use crate::document::Document;
    use crate::editor::Model;
    use crate::editor::file::FileMeta;
    let long = "word\n".repeat(50);
    for keys in ["<Ctrl-F>word", "<Ctrl-F>word<Enter><Enter>", "<Ctrl-F>wo<Tab>x", "<F3>", ""] {
        let mut bench = Bench::new(&format!("{long}|"), Settings::default());
        bench.press("<Ctrl-F>word<Esc><Ctrl-A>");
        bench.press(keys);
        let document =
            Document::of_text(ReplicaId::new(1), ropey::Rope::from_str("a word")).expect("it fits");
        let mut shorter = Model::new(document, FileMeta::default());
        shorter.go_on_from(&mut bench.model);
        bench.model = shorter;
        update(&mut bench.model, Msg::Tick, bench.now);
        bench.press("<Esc><F3><Esc>");
        assert!(bench.model.caret() <= 6, "{keys}");
    }
}

#[test]
fn every_command_of_the_table_leaves_a_sound_editor() {
    for command in COMMANDS {
        for text in ["", "|", "a^b|c\n\tde|f\n", "fn f() {\n\tx|\n}\n"] {
            let mut bench = Bench::new(text, Settings::default());
            update_all(&mut bench, command.action);
            bench.press("<Esc><Esc>x<Ctrl-Z>");
            let len = bench.model.rope().len_chars();
            assert!(bench.model.caret() <= len, "{}", command.name);
        }
    }
}

fn update_all(bench: &mut Bench, action: crate::editor::command::Action) {
    bench.model.act(action, false, bench.now, &mut Vec::new());
    bench.model.document().check_invariants();
}

#[test]
fn finding_counts_walks_and_goes_back() {
    check("|a b a", "<Ctrl-F>a", "^a| b a");
    check("|a b a", "<Ctrl-F>a<Enter>", "a b ^a|");
    check("|a b a", "<Ctrl-F>a<Enter><Enter>", "^a| b a");
    check("a b |a", "<Ctrl-F>a<Up>", "^a| b a");
    check("|a b a", "<Ctrl-F>b<Esc>", "|a b a");
    check("|a b a", "<Ctrl-F>b<Alt-S>", "a ^b| a");
    check("|a ab a", "<Ctrl-F>b<Left>a", "a ^ab| a");
    check("|a b a", "<Ctrl-F>bx<Ctrl-W>b<Home><End><PageDown><Ctrl-Home><Alt-S>c", "a c| a");
    check("|abc ab1", "<Ctrl-F><Alt-R>b.$", "abc a^b1|");
    check("|ab b", "<Ctrl-F>b<Alt-W>", "ab ^b|");
    check("|B b", "<Ctrl-F>b<Alt-C>", "B ^b|");
    check("|a(", "<Ctrl-F><Alt-R>(", "|a(");
    check("|ab ab", "<Ctrl-F>ab<Alt-A>x", "x| x|");
    check("|ab abc ab", "<Ctrl-F>ab<Alt-W><Alt-A>x", "x| abc x|");
    check("|ab AB ab", "<Ctrl-F>ab<Alt-A>x", "x| x| x|");
    let mut bench = Bench::new("|a a a", Settings::default());
    bench.press("<Ctrl-F>a");
    assert_eq!((bench.model.find.n(), bench.model.find.number_of(0)), (3, Some(1)));
    bench.press("<Alt-R>(");
    assert_eq!(bench.model.find.error.as_deref(), Some("no regular expression: unclosed group"));
}

#[test]
fn messages_go_at_the_next_edit_or_after_some_keys_and_can_be_read_again() {
    let told = |bench: &Bench| bench.model.notice.as_ref().map(|notice| notice.text.clone());
    let mut bench = Bench::new("|a b", Settings::default());
    bench.press("<Ctrl-G>zz<Enter>");
    assert!(told(&bench).is_some_and(|text| text.contains("is not a line")));
    bench.press("<Right>");
    assert!(told(&bench).is_some(), "a key is not enough");
    bench.press("x");
    assert_eq!(told(&bench), None);
    bench.press("<Ctrl-G>zz<Enter><Right><Right><Right>");
    assert_eq!(told(&bench), None);
    let failed = Msg::Theirs(Err("it cannot be read".to_owned()));
    update(&mut bench.model, failed, bench.now);
    assert_eq!(bench.model.deadline(bench.now), None, "it stays");
    bench.press("<Right>");
    assert_eq!(told(&bench), None);
    assert_eq!(bench.model.told().next(), Some("it cannot be read"));
    assert_eq!(bench.model.told().count(), 2, "the same is kept once");
}

#[test]
fn matches_are_replaced_one_by_one_or_all_as_one_step() {
    check("|a b a", "<Ctrl-F>a<Tab>xy<Enter>", "xy b ^a|");
    check("|a b a", "<Ctrl-F>a<Tab>xy<Down><Enter>", "^a| b xy");
    check("|a b a", "<Alt-H>a<Enter>xy<Ctrl-A>", "^xy| b xy");
    check("|k=1 l=2", "<Alt-H><Alt-R>(.)=(.)<Tab>$2=$1<Alt-Enter>", "^1=k| 2=l");
    check("a|\nb\n", "<Alt-H><Alt-R>^<Tab>- <Ctrl-A>", "- a\n- |b\n- ");
    check("a\n^a\na|\na", "<Alt-H>a<Tab>x<Ctrl-A>", "a\n^x|\nx\na");
    check("|a a", "<Alt-H>a<Tab><Ctrl-A><Ctrl-Z>", "a a|");
    check("|a b a", "<Alt-H>a<Tab>xy<Esc><Alt-H>z<Ctrl-A>", "^z| b z");
    check("|a b a", "<Alt-H>a<Tab>xz<Left>y<Ctrl-A>", "^xyz| b xyz");
    check("|a,b", r"<Alt-H>,<Alt-R><Tab>\n\t\\n\d<Ctrl-A>", "a^\n\t\\n\\d|b");
    check("|a,b", r"<Alt-H>,<Tab>\n<Ctrl-A>", r"a^\n|b");
    // Nothing was replaced: what is taken back would be what was typed before.
    check("|", "keep <Alt-H>zzz<Tab>x<Ctrl-A><Esc>.", "keep .|");
    let mut bench = Bench::new("|a b a", Settings::default());
    bench.press("<Alt-H>a<Tab>bb<Ctrl-A><Ctrl-Z>");
    assert_eq!(bench.model.rope().to_string(), "a b a");
}

#[test]
fn alt_with_the_mouse_adds_carets_and_selects_columns() {
    let mouse = |kind, x, y, alt| Msg::Mouse(Mouse { kind, x, y, shift: false, alt });
    let mut bench = Bench::new("|abcd\nabcd\nab\nabcd", Settings::default());
    let (left, top) = (bench.model.layout().gutter, bench.model.layout().text_top);
    let send = |bench: &mut Bench, kind, x, y, alt| {
        update(&mut bench.model, mouse(kind, left + x, top + y, alt), bench.now);
    };
    send(&mut bench, MouseKind::Press, 2, 1, true);
    assert_eq!(bench.drawn(), "|abcd\nab|cd\nab\nabcd");
    send(&mut bench, MouseKind::Press, 1, 0, false);
    send(&mut bench, MouseKind::Press, 1, 0, true);
    send(&mut bench, MouseKind::Drag, 3, 3, true);
    assert_eq!(bench.drawn(), "a^bc|d\na^bc|d\na^b|\na^bc|d");
    bench.press("x");
    assert_eq!(bench.drawn(), "ax|d\nax|d\nax|\nax|d");
}

#[test]
fn a_drag_past_the_last_row_scrolls() {
    let text: String = std::iter::once("|".to_owned()).chain((0..100).map(|n| format!("{n}\n"))).collect();
    let mut bench = Bench::new(&text, Settings::default());
    let mouse = |kind, y| Msg::Mouse(Mouse { kind, x: 8, y, shift: false, alt: false });
    update(&mut bench.model, mouse(MouseKind::Press, 2), bench.now);
    let below = bench.model.layout().text_top + bench.model.layout().text_rows;
    update(&mut bench.model, mouse(MouseKind::Drag, below), bench.now);
    assert_eq!(bench.model.scroll.top, 1);
    update(&mut bench.model, mouse(MouseKind::Drag, below + 1), bench.now);
    assert_eq!(bench.model.scroll.top, 2);
    update(&mut bench.model, mouse(MouseKind::Drag, 0), bench.now);
    assert_eq!(bench.model.scroll.top, 1);
}

/// An editor of 20 columns and 8 rows whose lines are wrapped.
fn narrow(drawn: &str) -> Bench {
    let mut bench = Bench::new(drawn, Settings { wrap: true, ..Settings::default() });
    update(&mut bench.model, Msg::Resize(20, 8), bench.now);
    bench
}

#[test]
fn where_lines_are_wrapped_the_caret_moves_by_rows() {
    let mut bench = narrow("one |two three four five six seven\nend");
    bench.press("<Down>");
    assert_eq!(bench.drawn(), "one two three four five| six seven\nend");
    bench.press("<Down>");
    assert_eq!(bench.drawn(), "one two three four five six seven\nend|");
    bench.press("<Up><Up>");
    assert_eq!(bench.drawn(), "one |two three four five six seven\nend");
    bench.press("<Up>");
    assert_eq!(bench.drawn(), "|one two three four five six seven\nend");
}

#[test]
fn a_wrapped_line_scrolls_by_its_rows_and_the_caret_stays_on_the_screen() {
    let mut bench = narrow(&("|".to_owned() + &"word word word word ".repeat(30) + "\nend"));
    for _ in 0..40 {
        bench.press("<Down>");
        let layout = bench.model.layout();
        let (place, _) = bench.model.place_of(bench.model.selection.head);
        assert!(bench.model.rows_between(bench.model.top(), place, layout.text_rows.into()).is_some());
    }
    assert!(bench.drawn().ends_with("end|"));
    bench.press("<PageUp><PageUp>");
    assert_eq!(bench.model.top().line, 0);
    assert!(0 < bench.model.top().row);
}

#[test]
fn wrapping_is_switched_for_one_text_and_clicks_land_on_what_is_drawn() {
    let mut bench = narrow("one two three four five six|");
    let click = |x, y| Msg::Mouse(Mouse { kind: MouseKind::Press, x, y, shift: false, alt: false });
    update(&mut bench.model, click(4, 2), bench.now);
    assert_eq!(bench.drawn(), "one two three four five| six");
    bench.press("<Alt-L><Home>");
    assert!(!bench.model.is_wrapped());
    update(&mut bench.model, click(5, 1), bench.now);
    assert_eq!(bench.drawn(), "one t|wo three four five six");
}

#[test]
fn every_key_of_the_table_runs_its_command_and_leaves_a_sound_editor() {
    for command in COMMANDS {
        for keys in command.keys {
            let parsed = keymap::parse(keys).unwrap_or_else(|error| panic!("{keys}: {error}"));
            let found = keymap::Keymap::default().find(&parsed);
            assert_eq!(found, Found::Action(command.action, false), "{keys} is {}", command.name);
            let mut bench = Bench::new("a^b|c\n\tde|f\n(x)\n", Settings::default());
            for key in parsed {
                update(&mut bench.model, Msg::Key(key), bench.now);
            }
            assert!(bench.model.chord.is_empty(), "{keys} is not whole");
            bench.press("<Esc><Esc>x<Ctrl-Z>");
        }
    }
}

const LINK: &str =
    "http://127.0.0.1:7878/d/AAAAAAAAAAAAAAAAAAAAAA#AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

/// An editor of a shared text in which ben's cursor is at `at`.
fn shared(drawn: &str, at: usize) -> Bench {
    let mut bench = Bench::new(drawn, Settings::default());
    bench.model.set_link(Some(LinkUrl::parse(LINK).expect("a link")));
    ben_is_at(&mut bench, at);
    bench
}

fn ben_is_at(bench: &mut Bench, at: usize) {
    let ben = Presence {
        name: "ben".to_owned(),
        color: 2,
        cursor: Some(bench.model.document().anchor(at, Bias::Left)),
        selections: Vec::new(),
        activity: Activity::Typing,
    };
    update(&mut bench.model, Msg::People(vec![(ConnectionId(16), ben)]), bench.now);
}

fn effects_of(bench: &mut Bench, keys: &str) -> Vec<Effect> {
    let keys = super::parse(keys);
    let now = bench.now;
    keys.into_iter().flat_map(|key| update(&mut bench.model, Msg::Key(key), now)).collect()
}

#[test]
fn nothing_that_is_pressed_at_a_box_reaches_the_text() {
    for open in ["<F1>", "<F2>"] {
        let mut bench = shared("one|\ntwo", 0);
        bench.press(open);
        bench.press("x<Down><Down><PageDown><Up><Backspace><Delete><Ctrl-X><Ctrl-V>y");
        update(&mut bench.model, Msg::Paste("pasted".to_owned()), bench.now);
        assert_ne!(bench.model.overlay, Overlay::None, "{open}");
        assert_eq!(bench.drawn(), "one|\ntwo", "{open}");
        bench.press("<Esc>x");
        assert_eq!(bench.drawn(), "onex|\ntwo", "{open}");
    }
}

#[test]
fn the_link_is_copied_from_the_box_and_by_command() {
    let mut bench = shared("|", 0);
    let copied = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::CopyToClipboard(text) => Some(text),
            _ => None,
        })
    };
    assert_eq!(copied(effects_of(&mut bench, "<F2>c")).as_deref(), Some(LINK));
    let reads = copied(effects_of(&mut bench, "r")).expect("a link");
    assert!(reads.contains("#r."), "{reads}");
    assert_eq!(copied(effects_of(&mut bench, "<Esc><Ctrl-P>copy-link<Enter>")).as_deref(), Some(LINK));
    bench.model.set_link(None);
    assert_eq!(copied(effects_of(&mut bench, "<Ctrl-P>copy-link<Enter>")), None);
    assert!(bench.model.notice.as_ref().is_some_and(|notice| notice.text.contains("not shared")));
}

#[test]
fn somebody_is_gone_to_and_followed_until_the_next_key() {
    let mut bench = shared("|one\ntwo\nthree", 6);
    bench.press("<Ctrl-P>go-to-person<Enter><Enter>");
    assert_eq!(bench.drawn(), "one\ntw|o\nthree");
    ben_is_at(&mut bench, 9);
    assert_eq!(bench.drawn(), "one\ntw|o\nthree", "only gone to");
    bench.press("<Ctrl-P>follow<Enter>ben<Enter>");
    assert_eq!(bench.drawn(), "one\ntwo\nt|hree");
    ben_is_at(&mut bench, 0);
    assert_eq!(bench.drawn(), "|one\ntwo\nthree");
    bench.press("<Right>");
    ben_is_at(&mut bench, 9);
    assert_eq!(bench.drawn(), "o|ne\ntwo\nthree");
    bench.press("<Ctrl-P>follow<Enter>ben<Enter>");
    update(&mut bench.model, Msg::People(Vec::new()), bench.now);
    assert!(bench.model.notice.as_ref().is_some_and(|notice| notice.text.contains("has left")));
}

#[test]
fn who_may_only_read_changes_nothing_and_is_told() {
    let mut bench = shared("one|", 0);
    let reads = |n_kept| Msg::Connection(Status::ReadOnly { n_kept, rtt: None, via: Via::WebSocket });
    update(&mut bench.model, reads(0), bench.now);
    bench.press("x<Enter><Backspace><Ctrl-X><Ctrl-Z>");
    update(&mut bench.model, Msg::Paste("pasted".to_owned()), bench.now);
    assert_eq!(bench.drawn(), "one|");
    assert_eq!(
        bench.model.notice.as_ref().map(|notice| notice.text.as_str()),
        Some("read only: you may look")
    );
    assert!(
        !effects_of(&mut bench, "<Ctrl-P>drop-mine<Enter>").iter().any(|e| matches!(e, Effect::DropMine))
    );
    update(&mut bench.model, reads(3), bench.now);
    assert!(effects_of(&mut bench, "<Ctrl-P>drop-mine<Enter>").iter().any(|e| matches!(e, Effect::DropMine)));
    // By the link alone, before anybody has answered.
    let mut bench = shared("one|", 0);
    let mut link = LinkUrl::parse(LINK).expect("a link");
    link.secret = link.secret.read_only();
    bench.model.set_link(Some(link));
    bench.press("x");
    assert_eq!(bench.drawn(), "one|");
}

#[test]
fn a_host_with_guests_is_asked_once_before_it_ends() {
    let mut bench = shared("|", 0);
    update(&mut bench.model, Msg::Connection(Status::Hosting { n_links: 2 }), bench.now);
    let quits = |effects: Vec<Effect>| effects.iter().any(|effect| matches!(effect, Effect::Quit));
    assert!(!quits(effects_of(&mut bench, "<Ctrl-Q>")));
    assert!(quits(effects_of(&mut bench, "<Ctrl-Q>")));
    bench.now = MonoTime(bench.now.0 + 60_000);
    assert!(!quits(effects_of(&mut bench, "<Ctrl-Q>")), "long ago is not asked");
    bench.now = MonoTime(bench.now.0 + 60_000);
    bench.press("x");
    assert!(!quits(effects_of(&mut bench, "<Ctrl-Q>")));
    assert_eq!(bench.model.prompt, None, "of the guests first");
    assert!(!quits(effects_of(&mut bench, "<Ctrl-Q>")));
    assert!(quits(effects_of(&mut bench, "d")), "then of what is not saved");
    bench.press("<Esc><Ctrl-Z>");
    update(&mut bench.model, Msg::Connection(Status::Hosting { n_links: 0 }), bench.now);
    assert!(quits(effects_of(&mut bench, "<Ctrl-Q>")));
}

#[test]
fn whoever_is_followed_into_a_character_is_met_before_it() {
    // Between a letter and the accent on it.
    let mut bench = shared("|ae\u{301}b", 2);
    bench.press("<Ctrl-P>follow<Enter>ben<Enter>");
    assert_eq!(bench.drawn(), "a|e\u{301}b");
    bench.press("<Right>");
    assert_eq!(bench.drawn(), "ae\u{301}|b");
}

#[test]
fn what_was_typed_at_a_prompt_comes_back() {
    let find = "<Ctrl-F>one<Enter><Esc><Ctrl-F>two<Enter><Esc><Ctrl-F>";
    let shown = |keys: &str| {
        let mut bench = Bench::new("|one two one two", Settings::default());
        bench.press(keys);
        bench.model.prompt.as_ref().and_then(Prompt::input).map(|input| input.text().to_owned())
    };
    for (keys, wanted) in [
        ("<Up>", "two"),
        ("<Up><Up>", "one"),
        ("<Up><Up><Down>", "two"),
        ("<Up><Down>", ""),
        ("o<Alt-Up>", "one"),
        // Without Alt the arrows go from match to match, once something is typed.
        ("o<Up>", "o"),
        ("<Up>x<Up>", "twox"),
    ] {
        assert_eq!(shown(&format!("{find}{keys}")).as_deref(), Some(wanted), "{keys}");
    }
    assert_eq!(shown("<Ctrl-F>one<Tab>1<Enter><Esc><Ctrl-F>two<Tab>2<Alt-Up>").as_deref(), Some("2"));
    assert_eq!(shown("<Ctrl-F>one<Tab>1<Enter><Esc><Ctrl-F>two<Tab><Alt-Up>").as_deref(), Some("1"));
    assert_eq!(shown("<Ctrl-G>1:2<Enter><Ctrl-G><Up>").as_deref(), Some("1:2"));
    assert_eq!(shown("<Ctrl-G>x<Enter><Ctrl-G><Up>").as_deref(), Some(""), "it was no line");
}

#[test]
fn a_theme_is_looked_at_while_it_is_chosen() {
    let mut bench = Bench::new("|", Settings::default());
    let listed =
        ["terminal", "dark", "light"].map(|name| Item { text: name.to_owned(), detail: String::new() });
    let mut drawn = |keys: &str| {
        update(&mut bench.model, Msg::List(PickerKind::Themes, listed.to_vec()), bench.now);
        let effects = effects_of(&mut bench, keys).into_iter();
        let themes = effects.filter_map(|effect| match effect {
            Effect::Theme { name, is_chosen } => Some((name.unwrap_or_default(), is_chosen)),
            _ => None,
        });
        themes.collect::<Vec<_>>()
    };
    let seen = |name: &str, is_chosen: bool| (name.to_owned(), is_chosen);
    assert_eq!(
        drawn("<Down><Down><Enter>"),
        [seen("dark", false), seen("light", false), seen("light", true)]
    );
    assert_eq!(drawn("dar<Esc>"), [seen("dark", false), seen("", true)]);
    assert_eq!(drawn("<Enter>"), [seen("terminal", true)]);
}
