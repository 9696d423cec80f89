//! Leader election: of several that could, the one acts that holds a Lease.
//!
//! Mirrors client-go tools/leaderelection with a LeaseLock and the defaults of component-base (15 s, 10 s, 2 s), and
//! the time-out of half the renew deadline that `resourcelock.NewFromKubeconfig` gives its client. A renewal counts
//! from when it was asked for, where upstream counts from the answer: so nobody acts once another could have taken the
//! lease. Who is asked to end gives the lease back first, as `ReleaseOnCancel` has it: the scheduler, not the controller
//! manager, whose gate for it is alpha and off in 1.36. Leaves out: coordinated leader election.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use crate::api::{Kind, Message, Object, ObjectMeta, Reason, Request, Response, Typed, time};
use crate::sim::{Ctx, SimTime};

/// The times of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectionTimes {
    /// `--leader-elect-lease-duration`.
    pub lease_duration: Duration,
    /// `--leader-elect-renew-deadline`.
    pub renew_deadline: Duration,
    /// `--leader-elect-retry-period`.
    pub retry_period: Duration,
}

impl ElectionTimes {
    /// `RecommendedDefaultLeaderElectionConfiguration` of component-base.
    pub const DEFAULT: ElectionTimes = ElectionTimes {
        lease_duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    };
}

impl Default for ElectionTimes {
    fn default() -> Self {
        ElectionTimes::DEFAULT
    }
}

/// `leaderelection.JitterFactor`, in percent of the retry period, for who does not lead.
const JITTER_PERCENT: u64 = 120;
/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(5);
/// `--leader-elect-resource-namespace`.
const NAMESPACE: &str = "kube-system";

/// What was asked about the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Get,
    Create,
    Update,
    /// Read once more, to give it back.
    LastLook,
    Release,
}

/// A candidate, or the leader.
#[derive(Clone, Debug, Default)]
pub struct LeaderElector {
    /// The lease's name.
    name: &'static str,
    times: ElectionTimes,
    /// Host name and a random part, new with every start.
    identity: Arc<str>,
    /// The lease as last seen, and since when it has looked like that.
    observed: Option<Arc<Object>>,
    observed_at: SimTime,
    leading: bool,
    /// When the renewal was asked for that was granted last.
    renewed_at: SimTime,
    /// What is under way, its number and when it was asked.
    asked: Option<(Asked, u32, SimTime)>,
    asks: u32,
}

/// What to do after an answer.
#[derive(Clone, Debug)]
pub enum Election {
    /// Ask this too, under this number.
    Ask(Request, u32),
    /// The next try comes with the timer.
    Wait,
    /// It leads from now on, by this lease.
    Elected(Arc<Object>),
    /// The lease was given back, as far as that worked: it may end.
    Released,
}

impl LeaderElector {
    /// A candidate for the lease `name` that has not asked yet.
    pub fn new(name: &'static str, identity: &str, times: ElectionTimes) -> Self {
        LeaderElector { name, identity: Arc::from(identity), times, ..LeaderElector::default() }
    }

    /// Who it is.
    pub fn identity(&self) -> &Arc<str> {
        &self.identity
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.leading
    }

    /// When the renewal was asked for that was granted last.
    pub fn renewed_at(&self) -> SimTime {
        self.renewed_at
    }

    /// Who holds the lease as far as it knows; empty for nobody.
    pub fn holder(&self) -> &str {
        let lease = self.observed.as_ref().and_then(|object| object.get::<Lease>());
        lease.and_then(|lease| lease.spec.as_ref()?.holder_identity.as_deref()).unwrap_or_default()
    }

    /// Whether it led and could not renew for so long that it must act no more: upstream's process ends here
    /// (`leaderelection lost`) and its kubelet starts it again, under another identity.
    pub fn lost(&self, now: SimTime) -> bool {
        self.leading && now >= self.renewed_at + self.times.renew_deadline
    }

    /// How long until the next try. Who waits for a lease waits longer by chance, so that not all ask at once.
    pub fn delay(&self, ctx: &mut Ctx<'_, Message>) -> Duration {
        let spread = if self.leading { 0 } else { self.times.retry_period.as_micros() as u64 * JITTER_PERCENT / 100 };
        self.times.retry_period + Duration::from_micros(ctx.rng().below(spread + 1))
    }

    /// It is time for a try: what to ask, and under which number. `None` while an answer may still come. A leader
    /// writes at once what it last saw renewed, anybody else looks first.
    pub fn tick(&mut self, now: SimTime, unix_micros: i64) -> Option<(Request, u32)> {
        if self.asked.is_some_and(|(_, _, at)| now < at + TIMEOUT) {
            return None;
        }
        Some(if self.leading && self.observed.is_some() { self.claim(now, unix_micros) } else { self.look(now) })
    }

    /// It is to end: what to ask so that the lease is given back, if it holds it. What was asked before is of no
    /// matter any more.
    pub fn release(&mut self, now: SimTime) -> Option<(Request, u32)> {
        let request = Request::get(Kind::Lease.info(), NAMESPACE, self.name);
        self.leading.then(|| self.ask(now, Asked::LastLook, request))
    }

    /// How long it may take to give the lease back.
    pub fn release_deadline(&self) -> Duration {
        self.times.renew_deadline
    }

    /// Takes the answer to what was asked under `number`; `None` when there was none.
    pub fn answered(&mut self, now: SimTime, unix_micros: i64, number: u32, response: Option<&Response>) -> Election {
        // One that was given up has another number.
        let Some((asked, _, at)) = self.asked.take_if(|(_, known, _)| *known == number) else { return Election::Wait };
        let lease = response.filter(|response| response.is_success()).and_then(Response::object);
        let reason = response.and_then(Response::status).map(|status| status.reason);
        let ask = |(request, number)| Election::Ask(request, number);
        match (asked, lease) {
            (Asked::Get, Some(lease)) => {
                self.observe(now, lease);
                if self.may_take(now) { ask(self.claim(now, unix_micros)) } else { Election::Wait }
            }
            (Asked::Get, None) if reason == Some(Reason::NotFound) => {
                self.observed = None;
                ask(self.claim(now, unix_micros))
            }
            (Asked::Create | Asked::Update, Some(lease)) => {
                self.observe(now, lease);
                self.renewed_at = at;
                let elected = !std::mem::replace(&mut self.leading, true);
                if elected { Election::Elected(lease.clone()) } else { Election::Wait }
            }
            (Asked::LastLook, Some(lease)) => {
                self.observe(now, lease);
                let given_back = self.given_back(unix_micros).into_object();
                ask(self.ask(now, Asked::Release, Request::update(given_back)))
            }
            (Asked::LastLook | Asked::Release, _) => Election::Released,
            // Somebody wrote in between: it looks before it tries again.
            (Asked::Update, None) if self.leading && response.is_some() => ask(self.look(now)),
            _ => Election::Wait,
        }
    }

    fn observe(&mut self, now: SimTime, lease: &Arc<Object>) {
        if self.observed.as_ref().is_none_or(|seen| seen.resource_version() != lease.resource_version()) {
            self.observed = Some(lease.clone());
            self.observed_at = now;
        }
    }

    /// Whether the lease may be taken: it is ours, nobody's, or its holder has been silent too long.
    fn may_take(&self, now: SimTime) -> bool {
        let spec = self.observed.as_ref().and_then(|object| object.get::<Lease>()?.spec.as_ref());
        let seconds = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
        let lasts = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        self.holder().is_empty() || *self.holder() == *self.identity || now >= self.observed_at + lasts
    }

    fn ask(&mut self, now: SimTime, what: Asked, request: Request) -> (Request, u32) {
        self.asks += 1;
        self.asked = Some((what, self.asks, now));
        (request, self.asks)
    }

    fn look(&mut self, now: SimTime) -> (Request, u32) {
        let request = Request::get(Kind::Lease.info(), NAMESPACE, self.name);
        self.ask(now, Asked::Get, request)
    }

    fn claim(&mut self, now: SimTime, unix_micros: i64) -> (Request, u32) {
        let lease = self.lease(unix_micros).into_object();
        match &self.observed {
            Some(_) => self.ask(now, Asked::Update, Request::update(lease)),
            None => self.ask(now, Asked::Create, Request::create(lease)),
        }
    }

    /// The lease with nobody's name and a second to run.
    fn given_back(&self, unix_micros: i64) -> Lease {
        let seen = self.observed.as_ref().and_then(|object| object.get::<Lease>()).cloned().unwrap_or_default();
        let now = time::micro_time(unix_micros);
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: seen.spec.and_then(|spec| spec.lease_transitions),
            ..LeaseSpec::default()
        };
        Lease { metadata: seen.metadata, spec: Some(spec) }
    }

    /// The lease as it would have it.
    fn lease(&self, unix_micros: i64) -> Lease {
        let seen = self.observed.as_ref().and_then(|object| object.get::<Lease>());
        let metadata = seen.map_or_else(
            || ObjectMeta {
                namespace: Some(NAMESPACE.to_owned()),
                name: Some(self.name.to_owned()),
                ..ObjectMeta::default()
            },
            |seen| seen.metadata.clone(),
        );
        let old = seen.and_then(|seen| seen.spec.clone()).unwrap_or_default();
        let ours = old.holder_identity.as_deref() == Some(&*self.identity);
        let now = time::micro_time(unix_micros);
        let transitions = old.lease_transitions.unwrap_or(0);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.to_string()),
            lease_duration_seconds: Some(self.times.lease_duration.as_secs() as i32),
            acquire_time: if ours { old.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if ours || seen.is_none() { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        };
        Lease { metadata, spec: Some(spec) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Body, Status};

    fn elector(identity: &str) -> LeaderElector {
        LeaderElector::new("l", identity, ElectionTimes::DEFAULT)
    }

    fn at(millis: u64) -> SimTime {
        SimTime(millis * 1_000)
    }

    /// Lets an elector try, against a lease that is there or not, until it has nothing to ask. Whether it leads.
    fn round(elector: &mut LeaderElector, now: SimTime, stored: &mut Option<Arc<Object>>) -> bool {
        let Some((mut request, mut number)) = elector.tick(now, now.0 as i64) else { return elector.leads() };
        loop {
            let answer = match (&request.body, stored.as_ref()) {
                (Body::Object(lease), seen) => {
                    let mut lease = (**lease).clone();
                    let version = seen.map_or(0, |seen| seen.resource_version()) + 1;
                    lease.meta_mut().resource_version = Some(version.to_string());
                    let lease = Arc::new(lease);
                    *stored = Some(lease.clone());
                    Response::ok(Body::Object(lease))
                }
                (_, Some(lease)) => Response::ok(Body::Object(lease.clone())),
                (_, None) => Response::failure(Status::not_found(Kind::Lease.info(), "kube-scheduler")),
            };
            match elector.answered(now, now.0 as i64, number, Some(&answer)) {
                Election::Ask(next, next_number) => (request, number) = (next, next_number),
                _ => return elector.leads(),
            }
        }
    }

    fn lease(stored: Option<&Arc<Object>>) -> LeaseSpec {
        stored.and_then(|object| object.expect::<Lease>().spec.clone()).unwrap_or_default()
    }

    #[test]
    fn the_second_takes_over_when_the_first_is_silent_for_a_lease() {
        let (mut first, mut second) = (elector("first"), elector("second"));
        let mut stored = None;
        assert!(round(&mut first, at(0), &mut stored));
        assert!(!round(&mut second, at(1_000), &mut stored));
        assert!(round(&mut first, at(2_000), &mut stored), "it renews");
        assert!(!round(&mut second, at(3_000), &mut stored), "a change begins the wait anew");
        assert!(!first.lost(at(11_999)) && first.lost(at(12_000)), "the first stops by itself");
        assert!(!round(&mut second, at(17_900), &mut stored));
        assert!(round(&mut second, at(18_000), &mut stored));
        let spec = lease(stored.as_ref());
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("second"), Some(1)));
    }

    #[test]
    fn what_is_given_back_is_free_at_once() {
        let (mut first, mut second) = (elector("first"), elector("second"));
        let mut stored = None;
        assert!(second.release(at(0)).is_none(), "it holds nothing");
        assert!(round(&mut first, at(0), &mut stored));
        assert!(!round(&mut second, at(1_000), &mut stored));
        let (request, number) = first.release(at(2_000)).expect("it holds the lease");
        assert_eq!(request.method, crate::api::Method::Get);
        let seen = Response::ok(Body::Object(stored.clone().expect("a lease")));
        let Election::Ask(request, number) = first.answered(at(2_000), 2_000_000, number, Some(&seen)) else {
            panic!("it writes")
        };
        let Body::Object(written) = &request.body else { panic!("a lease is written") };
        let spec = written.expect::<Lease>().spec.clone().unwrap_or_default();
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some(""), Some(1)));
        let mut written = (**written).clone();
        written.meta_mut().resource_version = Some("9".to_owned());
        stored = Some(Arc::new(written));
        assert!(matches!(first.answered(at(2_000), 0, number, None), Election::Released), "answered or not");
        assert!(round(&mut second, at(3_000), &mut stored));
        assert_eq!(lease(stored.as_ref()).lease_transitions, Some(1));
    }

    #[test]
    fn an_answer_that_is_late_counts_from_the_question_and_one_that_is_too_late_not_at_all() {
        let mut elector = elector("only");
        let mut stored = None;
        assert!(round(&mut elector, at(0), &mut stored));
        let (_, number) = elector.tick(at(2_000), 0).expect("it renews");
        assert!(elector.tick(at(4_000), 0).is_none(), "the answer may still come");
        let (_, again) = elector.tick(at(7_000), 0).expect("after five seconds it asks anew");
        let answer = Response::ok(Body::Object(stored.clone().expect("a lease")));
        elector.answered(at(8_000), 0, number, Some(&answer));
        assert_eq!(elector.renewed_at(), at(0), "nobody waits for the first answer any more");
        elector.answered(at(9_000), 0, again, Some(&answer));
        assert_eq!(elector.renewed_at(), at(7_000));
    }
}
