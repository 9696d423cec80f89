//! The terminal's tabs and history: which line was typed where, and which come back.

use std::sync::Arc;

use super::screen::Entry;

/// Lines that are remembered.
pub const HISTORY_MAX: usize = 200;

/// A tab of the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Its number, which is its name.
    pub number: usize,
    /// Entries up to this one were cleared away.
    cleared: u64,
    /// What stands at its prompt.
    pub draft: String,
}

/// The terminal's state; it outlives the pane's other tab.
#[derive(Clone, Debug)]
pub struct Desk {
    pub sheets: Vec<Sheet>,
    /// The sheet that is shown, by its place.
    pub chosen: usize,
    /// Lines that were typed and have no entry yet, with the number of their sheet.
    sent: Vec<(String, usize)>,
    /// The entries that were typed in another sheet than the first.
    placed: Vec<(u64, Arc<str>, usize)>,
    /// The newest entry that was looked at.
    seen: u64,
    numbers: usize,
    /// Lines typed, oldest first.
    pub history: Vec<String>,
}

impl Desk {
    /// One empty sheet, and what was typed in earlier days, a line each.
    pub fn new(history: &str) -> Desk {
        let history = history.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        let first = Sheet { number: 1, ..Sheet::default() };
        Desk { sheets: vec![first], chosen: 0, sent: Vec::new(), placed: Vec::new(), seen: 0, numbers: 1, history }
    }

    /// The sheet that is shown.
    pub fn sheet(&mut self) -> &mut Sheet {
        let last = self.sheets.len() - 1;
        &mut self.sheets[self.chosen.min(last)]
    }

    /// Opens another sheet and shows it.
    pub fn open(&mut self) {
        self.numbers += 1;
        self.sheets.push(Sheet { number: self.numbers, ..Sheet::default() });
        self.chosen = self.sheets.len() - 1;
    }

    /// Closes the sheet that is shown, unless it is the last one.
    pub fn close(&mut self) {
        if self.sheets.len() > 1 {
            self.sheets.remove(self.chosen);
            self.chosen = self.chosen.saturating_sub(1);
        }
    }

    /// Notes a line that is about to run.
    pub fn send(&mut self, line: &str) {
        self.history.retain(|old| old != line);
        self.history.push(line.to_owned());
        let over = self.history.len().saturating_sub(HISTORY_MAX);
        self.history.drain(..over);
        let number = self.sheet().number;
        self.sheet().draft.clear();
        self.sent.push((line.to_owned(), number));
    }

    /// Finds out where new entries belong.
    pub fn place(&mut self, entries: &[Entry]) {
        // A run that was wound back and forked numbers its lines anew.
        self.seen = self.seen.min(entries.last().map_or(0, |entry| entry.id));
        for entry in entries.iter().filter(|entry| entry.id > self.seen) {
            self.placed.retain(|(id, _, _)| *id != entry.id);
            if let Some(at) = self.sent.iter().position(|(line, _)| *line == *entry.view.line) {
                let (_, number) = self.sent.remove(at);
                self.placed.push((entry.id, entry.view.line.clone(), number));
            }
        }
        self.seen = entries.last().map_or(0, |entry| entry.id);
    }

    /// The entries of the sheet that is shown. What nobody typed here, and what a closed sheet held, is in the
    /// first one.
    pub fn entries<'e>(&self, entries: &'e [Entry]) -> Vec<&'e Entry> {
        let sheet = &self.sheets[self.chosen.min(self.sheets.len() - 1)];
        let home = |entry: &Entry| {
            let placed = self.placed.iter().find(|(id, line, _)| *id == entry.id && *line == entry.view.line);
            let number = placed
                .map(|(_, _, number)| *number)
                .filter(|number| self.sheets.iter().any(|sheet| sheet.number == *number));
            number.unwrap_or(self.sheets[0].number)
        };
        entries.iter().filter(|entry| entry.id > sheet.cleared && home(entry) == sheet.number).collect()
    }

    /// Clears the sheet that is shown.
    pub fn clear(&mut self, entries: &[Entry]) {
        self.sheet().cleared = entries.last().map_or(0, |entry| entry.id);
    }

    /// The line that is `back` steps back among those that begin with `prefix`; the newest is 1.
    pub fn recall(&self, prefix: &str, back: usize) -> Option<&str> {
        let fitting = self.history.iter().rev().filter(|line| line.starts_with(prefix));
        back.checked_sub(1).and_then(|skip| fitting.map(String::as_str).nth(skip))
    }
}

/// Entries as plain text: each line behind a `$`, then what it printed.
pub fn plain_text(entries: &[&Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str("$ ");
        text.push_str(&entry.view.line);
        text.push('\n');
        for (_, piece) in &entry.view.output {
            text.push_str(piece);
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::InvocationView;

    fn entry(id: u64, line: &str) -> Entry {
        let view = InvocationView {
            line: Arc::from(line),
            stdout: String::new(),
            stderr: String::new(),
            output: vec![(false, Arc::from("<b>out</b>\n")), (true, Arc::from("err"))],
            code: Some(0),
            diagnostics: Vec::new(),
        };
        Entry { id, view }
    }

    fn shown(desk: &Desk, entries: &[Entry]) -> Vec<u64> {
        desk.entries(entries).iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn every_sheet_has_its_own_entries() {
        let mut desk = Desk::new("");
        desk.send("get pods");
        desk.open();
        desk.send("get nodes");
        let entries = [entry(1, "kubectl apply -f -"), entry(2, "get pods"), entry(3, "get nodes")];
        desk.place(&entries);
        assert_eq!(shown(&desk, &entries), [3]);
        desk.chosen = 0;
        assert_eq!(shown(&desk, &entries), [1, 2], "what nobody typed is in the first");
        desk.clear(&entries);
        assert_eq!(shown(&desk, &entries), [] as [u64; 0]);
        desk.chosen = 1;
        desk.close();
        assert_eq!((desk.sheets.len(), desk.chosen), (1, 0));
        desk.close();
        assert_eq!(desk.sheets.len(), 1, "the last one stays");
    }

    #[test]
    fn a_forked_run_numbers_its_lines_anew() {
        let mut desk = Desk::new("");
        desk.open();
        desk.send("get pods");
        desk.place(&[entry(1, "get pods")]);
        desk.place(&[]);
        desk.send("get nodes");
        let entries = [entry(1, "get nodes")];
        desk.place(&entries);
        assert_eq!(shown(&desk, &entries), [1]);
    }

    #[test]
    fn typed_lines_come_back_by_what_they_begin_with() {
        let mut desk = Desk::new("get pods\n\nget nodes\n");
        desk.send("describe nodes");
        desk.send("get pods");
        assert_eq!(desk.history, ["get nodes", "describe nodes", "get pods"], "once each, the newest last");
        assert_eq!(desk.recall("", 1), Some("get pods"));
        assert_eq!(desk.recall("get", 2), Some("get nodes"));
        assert_eq!(desk.recall("get", 3), None);
        assert_eq!(desk.recall("get", 0), None);
        for line in 0..HISTORY_MAX * 2 {
            desk.send(&format!("get {line}"));
        }
        assert_eq!(desk.history.len(), HISTORY_MAX);
    }

    #[test]
    fn copies_are_plain_text() {
        let entries = [entry(1, "get pods")];
        assert_eq!(plain_text(&entries.iter().collect::<Vec<_>>()), "$ get pods\n<b>out</b>\nerr\n");
    }
}
