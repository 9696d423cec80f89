//! Where what a script writes goes.

use crate::cri::program::Host;

use super::machine::Machine;

/// Where output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    Stdout,
    Stderr,
    Null,
    File(String),
    Tee { file: String, also: Box<Sink> },
}

impl Machine {
    /// Writes to stdout (1) or stderr (2).
    pub(super) fn write(&mut self, host: &mut Host<'_>, stream: u8, text: &str) {
        if text.is_empty() {
            return;
        }
        let sink = if stream == 2 { self.err.clone() } else { self.out.clone() };
        self.write_to(host, &sink, text);
    }

    fn write_to(&mut self, host: &mut Host<'_>, sink: &Sink, text: &str) {
        match sink {
            Sink::Stdout => self.emit(1, text),
            Sink::Stderr => self.emit(2, text),
            Sink::Null => {}
            Sink::File(path) => {
                // Opening it failed already where it cannot be written.
                let _ = host.files.write(path, text, true);
            }
            Sink::Tee { file, also } => {
                let _ = host.files.write(file, text, true);
                self.write_to(host, also, text);
            }
        }
    }

    fn emit(&mut self, stream: u8, text: &str) {
        if let Some((last, buffer)) = self.emitted.last_mut()
            && *last == stream
        {
            buffer.push_str(text);
            return;
        }
        self.emitted.push((stream, text.to_owned()));
    }

    /// Says that a command failed: `sh: foo: why`.
    pub(super) fn complain(&mut self, host: &mut Host<'_>, text: &str) {
        let line = format!("{}: {text}\n", self.system.name);
        self.write(host, 2, &line);
    }
}
