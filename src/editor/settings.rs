//! What the configuration says to the editor.

use super::keymap::Keymap;

/// Every setting of the editor, as the configuration gives it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which keys run which command.
    pub keymap: Keymap,
}
