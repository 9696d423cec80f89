//! Everything a message led to, as a tree whose branches are opened one by one.

use crate::sim::{EventId, Record};

use super::explain::CauseLink;
use super::session::Session;

/// Rows of one tree.
const ROWS_MAX: usize = 300;

/// One row: a message, and how much came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    pub depth: usize,
    pub link: CauseLink,
    /// The messages it led to, directly and not.
    pub led_to: usize,
    pub open: bool,
}

/// The tree, as far as it is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Branches {
    /// All messages in it, open or not.
    pub total: usize,
    pub rows: Vec<Branch>,
    /// Whether there were more rows than are kept.
    pub cut: bool,
}

/// A message of the tree, and the message it came of: spans lie between, and are stepped over.
#[derive(Clone, Copy)]
struct Twig {
    id: EventId,
    of: EventId,
    led_to: usize,
}

impl Session {
    /// Everything `root` led to. A branch is open when it is the only one of its parent, or a first one;
    /// `toggled` are those the reader turned over.
    pub fn branches(&mut self, root: EventId, toggled: &[EventId]) -> Branches {
        self.catch_up();
        let twigs = self.twigs(root);
        let mut out = Branches { total: twigs.len(), ..Branches::default() };
        self.grow(&twigs, root, 0, toggled, &mut out);
        out
    }

    fn twigs(&self, root: EventId) -> Vec<Twig> {
        let records = self.world().kernel().trace().records();
        let newer = |record: &&Record<_>| record.id().is_none_or(|id| id > root);
        let mut after: Vec<&Record<_>> = records.iter().rev().take_while(newer).collect();
        after.reverse();
        // For every number after the root's: the message of the tree it belongs under, or 0.
        let last = after.iter().rev().find_map(|record| record.id()).map_or(root.0, |id| id.0);
        let mut under = vec![0_u64; (last - root.0 + 1) as usize];
        under[0] = root.0;
        let mut twigs: Vec<Twig> = Vec::new();
        for record in after {
            let (id, cause, message) = match record {
                Record::Sent(envelope) => (envelope.id, envelope.cause, !self.index().is_heartbeat(envelope.id)),
                Record::Span(span) => (span.id, span.cause, false),
                _ => continue,
            };
            let Some(of) = cause.0.checked_sub(root.0).and_then(|at| under.get(at as usize)).copied() else { continue };
            if of == 0 {
                continue;
            }
            under[(id.0 - root.0) as usize] = if message { id.0 } else { of };
            if message {
                twigs.push(Twig { id, of: EventId(of), led_to: 0 });
            }
        }
        for index in (0..twigs.len()).rev() {
            let Twig { of, led_to, .. } = twigs[index];
            if let Ok(parent) = twigs.binary_search_by_key(&of, |twig| twig.id) {
                twigs[parent].led_to += led_to + 1;
            }
        }
        twigs
    }

    fn grow(&self, twigs: &[Twig], of: EventId, depth: usize, toggled: &[EventId], out: &mut Branches) {
        let children: Vec<Twig> = twigs.iter().filter(|twig| twig.of == of).copied().collect();
        let lone = children.len() == 1 || depth == 0;
        for twig in children {
            if out.rows.len() == ROWS_MAX {
                out.cut = true;
                return;
            }
            let Some((link, _)) = self.link(twig.id) else { continue };
            let open = (twig.led_to > 0) && (lone != toggled.contains(&twig.id));
            out.rows.push(Branch { depth, link, led_to: twig.led_to, open });
            if open {
                self.grow(twigs, twig.id, depth + 1, toggled, out);
            }
        }
    }
}
