//! The list of what a text defines.

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::syntax::outline::Symbol;

use super::picker::{Item, Picker, PickerKind};
use super::selection::Selection;
use super::{Effect, Model};

/// Bytes of a text past which it is not parsed for an outline: it would take seconds.
const TEXT_BYTES_MAX: usize = 16 << 20;

impl Model {
    /// Asks the shell what the text defines.
    pub(crate) fn ask_for_outline(&mut self, now: MonoTime, effects: &mut Vec<Effect>) {
        let name = self.language.name;
        match self.language.grammar.filter(|grammar| grammar.has_definitions()) {
            None => self.notify(format!("there is no outline for {name}"), now),
            Some(_) if TEXT_BYTES_MAX < self.rope().len_bytes() => {
                self.notify("this text is too large for an outline", now);
            }
            Some(grammar) => {
                self.picker = Some(Picker::awaited(PickerKind::Symbols));
                effects.push(Effect::Outline { text: self.rope().clone(), grammar });
            }
        }
    }

    /// Fills the list of what the text defines, the symbol at the caret chosen. The places hold on to their text while the list is open.
    pub(crate) fn list_symbols(&mut self, symbols: Option<Vec<Symbol>>, now: MonoTime) {
        if self.awaiting(PickerKind::Symbols).is_none() {
            return;
        }
        let symbols = match symbols {
            Some(symbols) if !symbols.is_empty() => symbols,
            nothing => {
                self.picker = None;
                return self.notify(
                    match nothing {
                        Some(_) => "this text defines nothing that its language gives a name",
                        None => "this text takes too long to parse for an outline",
                    },
                    now,
                );
            }
        };
        let rope = self.document.rope();
        let n_chars = rope.len_chars();
        let item = |symbol: &Symbol| {
            let line = rope.char_to_line(symbol.at.min(n_chars)) + 1;
            Item { text: symbol.name.clone(), detail: format!("{}  line {line}", symbol.kind) }
        };
        let items = symbols.iter().map(item).collect();
        let anchors = symbols.iter().map(|symbol| self.document.anchor(symbol.at.min(n_chars), Bias::Right));
        self.listed = anchors.collect();
        let caret = self.selection.head;
        let selected = symbols.partition_point(|symbol| symbol.at <= caret).saturating_sub(1);
        if let Some(picker) = self.awaiting(PickerKind::Symbols) {
            picker.fill(items, selected);
        }
    }

    /// Goes where a row of the list leads.
    pub(crate) fn go_to_listed(&mut self, n: usize) {
        let at = self.listed.get(n).and_then(|&anchor| self.document.resolve(anchor));
        if let Some(at) = at {
            self.end_run();
            self.select(Selection::caret(at));
            self.center();
        }
    }
}
