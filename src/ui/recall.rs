//! The reverse search of the prompt, as bash has it on Ctrl-R: the newest line that contains what is typed,
//! and with every further Ctrl-R an older one.

/// A search under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recall {
    /// What a line has to contain.
    pub query: String,
    /// The place of the line found, counted from the newest; kept where no older line has it.
    found: Option<usize>,
    /// Whether the last look found nothing.
    failed: bool,
    /// What stood at the prompt when it began.
    pub draft: String,
}

impl Recall {
    /// A search that begins with `draft` at the prompt.
    pub fn new(draft: &str) -> Recall {
        Recall { draft: draft.to_owned(), ..Recall::default() }
    }

    /// Another query: the search goes on from the line it is at.
    pub fn ask(&mut self, query: &str, history: &[String]) {
        let grows = query.starts_with(&self.query);
        query.clone_into(&mut self.query);
        let from = if grows { self.found.unwrap_or(0) } else { 0 };
        self.look(from, history);
    }

    /// The next older line.
    pub fn older(&mut self, history: &[String]) {
        if !self.query.is_empty() {
            self.look(self.found.map_or(0, |found| found + 1), history);
        }
    }

    fn look(&mut self, from: usize, history: &[String]) {
        if self.query.is_empty() {
            (self.found, self.failed) = (None, false);
            return;
        }
        let mut fitting = history.iter().rev().enumerate().skip(from);
        let next = fitting.find(|(_, line)| line.contains(&self.query)).map(|(index, _)| index);
        self.failed = next.is_none();
        self.found = next.or(self.found);
    }

    /// The line that is found.
    pub fn line<'h>(&self, history: &'h [String]) -> Option<&'h str> {
        history.iter().rev().nth(self.found?).map(String::as_str)
    }

    /// It as bash shows it: ``(reverse-i-search)`pods': kubectl get pods``.
    pub fn told(&self, history: &[String]) -> String {
        let failed = if self.failed { "failed " } else { "" };
        format!("({failed}reverse-i-search)`{}': {}", self.query, self.line(history).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_line_with_it_then_older_ones() {
        let history: Vec<String> =
            ["get pods", "describe pod web", "get nodes", "get events"].map(str::to_owned).to_vec();
        let mut recall = Recall::new("kub");
        let check = |recall: &Recall, expected: &str| assert_eq!(recall.told(&history), expected);
        check(&recall, "(reverse-i-search)`': ");
        recall.ask("o", &history);
        check(&recall, "(reverse-i-search)`o': get nodes");
        recall.ask("od", &history);
        check(&recall, "(reverse-i-search)`od': get nodes");
        recall.older(&history);
        check(&recall, "(reverse-i-search)`od': describe pod web");
        recall.ask("ods", &history);
        check(&recall, "(reverse-i-search)`ods': get pods");
        recall.older(&history);
        check(&recall, "(failed reverse-i-search)`ods': get pods");
        recall.ask("od", &history);
        check(&recall, "(reverse-i-search)`od': get nodes");
        recall.ask("odz", &history);
        check(&recall, "(failed reverse-i-search)`odz': get nodes");
        assert_eq!((recall.line(&history), &*recall.draft), (Some("get nodes"), "kub"));
        recall.ask("", &history);
        assert_eq!(recall.line(&history), None);
    }
}
