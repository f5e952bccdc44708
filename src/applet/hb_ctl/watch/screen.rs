//! The terminal that --watch draws on, and its keyboard.

use crate::report;
use eyre::Result;
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::cell::OnceCell;
use std::io::{self, IsTerminal};

/// The terminal's alternate screen, until it is dropped.
pub(super) struct Screen {
    /// The keyboard's previous modes, once it is read key by key.
    before: OnceCell<Termios>,
}

impl Screen {
    /// Opens the screen; none where standard output is no terminal, or one whose cursor cannot be
    /// moved.
    pub fn open() -> Result<Option<Self>> {
        let kind = std::env::var_os("TERM");
        let is_dumb = kind.is_none_or(|kind| kind.is_empty() || kind == "dumb");
        if is_dumb || !io::stdout().is_terminal() {
            return Ok(None);
        }
        let screen = Self {
            before: OnceCell::new(),
        };
        // Switches to the alternate screen and hides the cursor.
        report::say("\x1b[?1049h\x1b[?25l")?;
        Ok(Some(screen))
    }

    /// Returns whether the user has pressed `q`. In the background the keyboard is the shell's.
    pub fn is_left(&self) -> bool {
        if self.before.get().is_none()
            && let Some(before) = by_key()
        {
            let _ = self.before.set(before);
        }
        let mut keys = [0; 64];
        let is_ours = self.before.get().is_some();
        is_ours
            && rustix::io::read(io::stdin(), &mut keys).is_ok()
            && keys.iter().any(|key| matches!(key, b'q' | b'Q'))
    }

    pub fn columns(&self) -> usize {
        size().0
    }

    pub fn show(&self, text: &str) -> Result<()> {
        let (columns, rows) = size();
        let mut screen = String::from("\x1b[H");
        for (at, line) in text.lines().take(rows).enumerate() {
            screen.push_str(if at == 0 { "" } else { "\r\n" });
            screen.extend(line.chars().take(columns));
            screen.push_str("\x1b[K");
        }
        screen.push_str("\x1b[J");
        report::say(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing.
        let _ = report::say("\x1b[?25h\x1b[?1049l");
        if let Some(before) = self.before.get() {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Returns columns and rows; a serial line or a new pseudo-terminal has none (tty_ioctl(4)).
fn size() -> (usize, usize) {
    let size = termios::tcgetwinsize(io::stdout()).ok();
    let known = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let (columns, rows) = known.map_or((80, 24), |size| (size.ws_col, size.ws_row));
    (usize::from(columns).max(40), usize::from(rows).max(2))
}

/// Makes keys readable at once, without a wait and without echo; returns the previous modes. None
/// in the background, where the terminal is the shell's.
fn by_key() -> Option<Termios> {
    let keyboard = io::stdin();
    if termios::tcgetpgrp(&keyboard).ok()? != rustix::process::getpgrp() {
        return None;
    }
    let before = termios::tcgetattr(&keyboard).ok()?;
    let mut modes = before.clone();
    modes
        .local_modes
        .remove(LocalModes::ICANON | LocalModes::ECHO);
    modes.special_codes[SpecialCodeIndex::VMIN] = 0;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    termios::tcsetattr(&keyboard, OptionalActions::Now, &modes).ok()?;
    Some(before)
}
