//! `:set`: what vim has an option for, in this text.

use crate::base::text_format::LineEnding;
use crate::base::text_format::encoding::Encoding;
use crate::base::time::MonoTime;
use crate::editor::Model;
use crate::editor::glyph::TabWidth;
use crate::editor::highlight::Highlights;
use crate::editor::indentation::BLANKS_MAX;
use crate::editor::picker::{Item, Picker, PickerKind};
use crate::syntax::language;

/// The widest line that `gq` can be asked for.
const TEXT_WIDTH_MAX: usize = 10_000;

/// An option.
struct Opt {
    name: &'static str,
    short: &'static str,
    about: &'static str,
    value: Value,
}

/// What an option can be, and how it is found out and set. Setting to `None` chooses what holds without a choice.
enum Value {
    Switch(fn(&Model) -> bool, fn(&mut Model, Option<bool>)),
    Number(fn(&Model) -> usize, fn(&mut Model, Option<usize>) -> Result<(), String>),
    Word(fn(&Model) -> String, fn(&mut Model, &str, MonoTime) -> Result<(), String>),
}

const fn opt(name: &'static str, short: &'static str, about: &'static str, value: Value) -> Opt {
    Opt { name, short, about, value }
}

static OPTIONS: &[Opt] = &[
    opt(
        "number",
        "nu",
        "line numbers",
        Value::Switch(Model::has_numbers, |model, is_on| model.chosen.numbers = is_on),
    ),
    opt(
        "wrap",
        "wrap",
        "long lines go on in the next row",
        Value::Switch(Model::is_wrapped, Model::set_wrap),
    ),
    opt(
        "list",
        "list",
        "blanks and tabs are shown",
        Value::Switch(Model::shows_blanks, |model, is_on| model.chosen.blanks = is_on),
    ),
    opt(
        "ignorecase",
        "ic",
        "searches take upper and lower case as one",
        Value::Switch(
            |model| !model.vim.search.is_exact,
            |model, is_on| model.vim.search.is_exact = is_on == Some(false),
        ),
    ),
    opt(
        "smartcase",
        "scs",
        "but for patterns with an upper-case letter",
        Value::Switch(
            |model| !model.vim.search.folds_all,
            |model, is_on| model.vim.search.folds_all = is_on == Some(false),
        ),
    ),
    opt(
        "hlsearch",
        "hls",
        "what was found is lit",
        Value::Switch(
            |model| !model.vim.search.is_dark,
            |model, is_on| {
                model.vim.search.is_dark = is_on == Some(false);
                model.find.is_lit = !model.vim.search.is_dark;
            },
        ),
    ),
    opt(
        "expandtab",
        "et",
        "a step of indentation is blanks",
        Value::Switch(|model| !model.indentation.is_tab, Model::vim_expand_tabs),
    ),
    opt(
        "tabstop",
        "ts",
        "how wide a tab is drawn",
        Value::Number(
            |model| model.tab_width.cells().into(),
            |model, n| {
                model.chosen.tab_width =
                    n.map(|n| within(n, 1, TabWidth::MAX)).transpose()?.map(TabWidth::new);
                model.look_at_indentation();
                Ok(())
            },
        ),
    ),
    opt(
        "shiftwidth",
        "sw",
        "how wide a step of indentation is",
        Value::Number(|model| model.indent_cells(), Model::vim_shift_width),
    ),
    opt(
        "textwidth",
        "tw",
        "how wide gq makes lines; 0 for 80",
        Value::Number(
            |model| model.text_width(),
            |model, n| match n {
                Some(n) if TEXT_WIDTH_MAX < n => Err(format!("this must be a number up to {TEXT_WIDTH_MAX}")),
                n => {
                    model.chosen.text_width = n.filter(|&n| 0 < n);
                    Ok(())
                }
            },
        ),
    ),
    opt("fileformat", "ff", "how lines end: unix or dos", Value::Word(line_end_of, set_line_end)),
    opt(
        "fileencoding",
        "fenc",
        "what the file is written in",
        Value::Word(|model| model.file.format.encoding.name().to_lowercase(), set_encoding),
    ),
    opt(
        "filetype",
        "ft",
        "the language of the text",
        Value::Word(|model| model.language.name.to_lowercase(), set_language),
    ),
];

/// What is done with an option.
enum Change<'a> {
    Show,
    Default,
    Switch(bool),
    Toggle,
    To(&'a str),
    /// Its bare name.
    Named,
}

impl Model {
    /// `:set` with its arguments; without any, a list of all options.
    pub(super) fn vim_set(&mut self, arguments: &str, now: MonoTime) -> bool {
        if matches!(arguments, "" | "all") {
            let item = |option: &Opt| Item { text: self.vim_shown(option), detail: option.about.to_owned() };
            self.picker = Some(Picker::new(PickerKind::Options, OPTIONS.iter().map(item).collect()));
            return true;
        }
        arguments.split_whitespace().all(|argument| match self.vim_set_one(argument, now) {
            Ok(()) => true,
            Err(why) => self.vim_refuse(why),
        })
    }

    /// Switches the option of a row of the list, or says what it is set to and how that is changed.
    pub(crate) fn pick_option(&mut self, row: usize, now: MonoTime) {
        let option = &OPTIONS[row];
        match option.value {
            Value::Switch(get, set) => {
                set(self, Some(!get(self)));
                self.notify(self.vim_shown(option), now);
            }
            _ => self.notify(format!("{}; :set {}=… changes it", self.vim_shown(option), option.name), now),
        }
    }

    fn vim_set_one(&mut self, argument: &str, now: MonoTime) -> Result<(), String> {
        let (option, change) = read(argument)?;
        let name = option.name;
        match (&option.value, change) {
            (_, Change::Show) | (Value::Number(..) | Value::Word(..), Change::Named) => {
                self.notify(self.vim_shown(option), now);
            }
            (Value::Switch(_, set), Change::Named) => set(self, Some(true)),
            (Value::Switch(_, set), Change::Switch(is_on)) => set(self, Some(is_on)),
            (Value::Switch(get, set), Change::Toggle) => set(self, Some(!get(self))),
            (Value::Switch(_, set), Change::Default) => set(self, None),
            (Value::Number(_, set), Change::Default) => set(self, None)?,
            (Value::Number(_, set), Change::To(text)) => {
                let n = text.parse().map_err(|_| format!("{name} is a number: :set {name}=8"))?;
                set(self, Some(n)).map_err(|why| format!("{name}: {why}"))?;
            }
            (Value::Word(_, set), Change::To(text)) => set(self, text, now)?,
            (Value::Switch(..), Change::To(_)) => {
                return Err(format!("{name} is on or off: :set {name} or :set no{name}"));
            }
            (Value::Number(..) | Value::Word(..), _) => {
                return Err(format!("{name} has a value and is not on or off: :set {name}=…"));
            }
        }
        Ok(())
    }

    /// An option and what it is set to, as it would be set.
    fn vim_shown(&self, option: &Opt) -> String {
        match option.value {
            Value::Switch(get, _) if get(self) => option.name.to_owned(),
            Value::Switch(..) => format!("no{}", option.name),
            Value::Number(get, _) => format!("{}={}", option.name, get(self)),
            Value::Word(get, _) => format!("{}={}", option.name, get(self)),
        }
    }

    fn vim_expand_tabs(&mut self, is_on: Option<bool>) {
        let n = u8::try_from(self.indent_cells()).unwrap_or(BLANKS_MAX);
        self.chosen.indent = is_on.map(|is_on| if is_on { n } else { 0 });
        self.look_at_indentation();
    }

    fn vim_shift_width(&mut self, n: Option<usize>) -> Result<(), String> {
        let n = n.map(|n| within(n, 0, BLANKS_MAX)).transpose()?;
        match n {
            // As wide as a tab.
            Some(0) if !self.indentation.is_tab => self.chosen.indent = Some(self.tab_width.cells()),
            Some(n) if self.indentation.is_tab && n != 0 && n != self.tab_width.cells() => {
                return Err("a step is a tab here; :set expandtab first, or :set tabstop".to_owned());
            }
            Some(_) if self.indentation.is_tab => {}
            n => self.chosen.indent = n,
        }
        self.look_at_indentation();
        Ok(())
    }
}

/// Reads one argument: which option, and what is done with it.
fn read(argument: &str) -> Result<(&'static Opt, Change<'_>), String> {
    let named = |name: &str| OPTIONS.iter().find(|option| name == option.name || name == option.short);
    let is_name = |c: char| c.is_ascii_alphanumeric();
    let n_name = argument.find(|c| !is_name(c)).unwrap_or(argument.len());
    let (name, rest) = argument.split_at(n_name);
    if let (Some(option), Some(change)) = (named(name), change(rest)) {
        return Ok((option, change));
    }
    let switched = [("no", Change::Switch(false)), ("inv", Change::Toggle)];
    for (prefix, change) in switched {
        if rest.is_empty()
            && let Some(option) = name.strip_prefix(prefix).and_then(named)
        {
            return Ok((option, change));
        }
    }
    Err(match named(name) {
        Some(option) => format!("{argument:?} says nothing that {} can be", option.name),
        None => format!("there is no option {name:?} here; :set lists those there are"),
    })
}

/// Reads what follows a name.
fn change(rest: &str) -> Option<Change<'_>> {
    match rest {
        "" => Some(Change::Named),
        "?" => Some(Change::Show),
        "!" => Some(Change::Toggle),
        "&" => Some(Change::Default),
        rest => rest.strip_prefix(['=', ':']).map(Change::To),
    }
}

fn within(n: usize, min: u8, max: u8) -> Result<u8, String> {
    u8::try_from(n)
        .ok()
        .filter(|n| (min..=max).contains(n))
        .ok_or_else(|| format!("this must be a number from {min} to {max}"))
}

fn line_end_of(model: &Model) -> String {
    match model.file.format.line_ending {
        LineEnding::Lf => "unix",
        LineEnding::CrLf => "dos",
        LineEnding::Mixed => "mixed",
    }
    .to_owned()
}

fn set_line_end(model: &mut Model, word: &str, now: MonoTime) -> Result<(), String> {
    let ending = match word {
        "unix" => LineEnding::Lf,
        "dos" => LineEnding::CrLf,
        _ => return Err("fileformat is unix or dos".to_owned()),
    };
    model.end_lines_with(ending, now);
    Ok(())
}

fn set_encoding(model: &mut Model, word: &str, now: MonoTime) -> Result<(), String> {
    let word = if word == "latin1" { "windows-1252" } else { word };
    let mut all = Encoding::ALL.into_iter().map(|(encoding, _)| encoding);
    let found = all.find(|encoding| encoding.name().eq_ignore_ascii_case(word));
    let encoding =
        found.ok_or_else(|| format!("there is no encoding {word:?}; :encoding lists those there are"))?;
    model.save_in(encoding, now);
    Ok(())
}

fn set_language(model: &mut Model, word: &str, _now: MonoTime) -> Result<(), String> {
    model.language = language::named(word).ok_or_else(|| format!("no language {word:?} is known here"))?;
    model.highlights = Highlights::default();
    model.look_at_indentation();
    Ok(())
}
