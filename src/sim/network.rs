//! The network: latency per link, and the faults in force. Connections behave as TCP does: what is
//! lost is sent again later, order is kept per pair, a silent peer times out, a stopped one refuses.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet, Vector};

use super::process::{Envelope, ProcessId};
use super::random::Random;
use super::time::SimTime;

/// Two processes that talk, lower id first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair(pub ProcessId, pub ProcessId);

impl Pair {
    /// The pair of `a` and `b`, whichever way round they come.
    pub fn of(a: ProcessId, b: ProcessId) -> Self {
        if a <= b { Pair(a, b) } else { Pair(b, a) }
    }
}

/// How long a link takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkProfile {
    /// The shortest time from one end to the other.
    pub latency: Duration,
    /// What chance may add to it.
    pub jitter: Duration,
}

/// A fault on the network, until lifted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing passes between the two.
    Partition(Pair),
    /// Every message between the two takes this many microseconds longer.
    Delay(Pair, u64),
    /// Of a million segments between the two this many are lost, and sent again after a time-out.
    Loss(Pair, u32),
    /// Messages between the two may overtake each other, by up to this many microseconds: as over
    /// several connections.
    Reorder(Pair, u64),
}

impl Fault {
    /// The link it lies on.
    pub fn pair(&self) -> Pair {
        match self {
            Fault::Partition(pair) | Fault::Delay(pair, _) | Fault::Loss(pair, _) | Fault::Reorder(pair, _) => *pair,
        }
    }
}

/// The faults in force.
pub type Faults = OrdSet<Fault>;

/// TCP's first retransmission time-out; each further one doubles it.
const RETRANSMISSION_TIMEOUT: Duration = Duration::from_millis(200);
/// After so many losses in a row a segment is let through: the connection would have been given up.
const RETRANSMISSIONS_MAX: u32 = 8;

#[derive(Clone, Debug)]
pub(super) struct Network<M> {
    pub(super) faults: Faults,
    /// The latest arrival promised per direction: later sends arrive no earlier.
    last_arrival: OrdMap<(ProcessId, ProcessId), SimTime>,
    /// Pairs that have spoken since either end started: what a stop resets.
    pub(super) connections: OrdSet<Pair>,
    /// Messages sent into a partition, waiting for it to heal or for the time-out.
    pub(super) held: OrdMap<Pair, Vector<Arc<Envelope<M>>>>,
}

impl<M: Clone> Network<M> {
    pub(super) fn new() -> Self {
        Network { faults: OrdSet::new(), last_arrival: OrdMap::new(), connections: OrdSet::new(), held: OrdMap::new() }
    }

    pub(super) fn partitioned(&self, pair: Pair) -> bool {
        !self.faults.is_empty() && self.faults.contains(&Fault::Partition(pair))
    }

    /// When a message that leaves at `sent` arrives, by the link's profile and the faults in force.
    pub(super) fn arrival(
        &mut self,
        from: ProcessId,
        to: ProcessId,
        sent: SimTime,
        link: LinkProfile,
        random: &mut Random,
    ) -> SimTime {
        let jitter = random.below(link.jitter.as_micros() as u64 + 1);
        let mut arrives = sent + link.latency + Duration::from_micros(jitter);
        let mut ordered = true;
        if !self.faults.is_empty() {
            let pair = Pair::of(from, to);
            for fault in self.faults.iter().filter(|fault| fault.pair() == pair) {
                match fault {
                    Fault::Partition(_) => {}
                    Fault::Delay(_, micros) => arrives += Duration::from_micros(*micros),
                    Fault::Reorder(_, micros) => {
                        ordered = false;
                        arrives += Duration::from_micros(random.below(*micros + 1));
                    }
                    Fault::Loss(_, parts) => {
                        let mut timeout = RETRANSMISSION_TIMEOUT;
                        for _ in 0..RETRANSMISSIONS_MAX {
                            if !random.chance_ppm(*parts) {
                                break;
                            }
                            arrives += timeout;
                            timeout *= 2;
                        }
                    }
                }
            }
        }
        if ordered {
            let last = self.last_arrival.entry((from, to)).or_insert(SimTime::ZERO);
            arrives = arrives.max(*last);
            *last = arrives;
        }
        arrives
    }
}
