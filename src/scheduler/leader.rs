//! Leader election: who holds the Lease schedules.
//!
//! Mirrors client-go tools/leaderelection with a LeaseLock. A scheduler that lost its lease exits upstream
//! and is started again; here it forgets everything and begins anew. Leaves out: release on a clean exit.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use crate::api::{Kind, Object, ObjectMeta, Request, Response, Typed, time};
use crate::sim::SimTime;

use super::config::SchedulerConfig;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-scheduler";

/// The elector of one process.
#[derive(Clone, Debug)]
pub struct LeaderElector {
    /// Who it is: host name and a random part, new with every start.
    identity: Arc<str>,
    /// The lease as last seen, and when that changed.
    observed: Option<(Arc<Object>, SimTime)>,
    leading: bool,
    last_renewal: SimTime,
    waiting: bool,
    lease_duration: Duration,
    renew_deadline: Duration,
}

/// What to do after an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send this now.
    Send(Request),
    /// Try again after the retry period.
    Wait,
    /// It leads since now, by this lease; go on renewing.
    Elected(Arc<Object>),
}

impl LeaderElector {
    /// One that has not asked yet.
    pub fn new(config: &SchedulerConfig, identity: String, now: SimTime) -> Self {
        LeaderElector {
            identity: Arc::from(identity),
            observed: None,
            leading: false,
            last_renewal: now,
            waiting: false,
            lease_duration: config.lease_duration,
            renew_deadline: config.renew_deadline,
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.leading
    }

    /// Whether it led and could not renew for so long that somebody else may lead by now.
    pub fn lost(&self, now: SimTime) -> bool {
        self.leading && now.since(self.last_renewal) > self.renew_deadline
    }

    /// The retry period is over: what to ask. `None` while an answer is outstanding.
    pub fn tick(&mut self, unix_micros: i64) -> Option<Request> {
        if self.waiting {
            return None;
        }
        self.waiting = true;
        // The holder tries an update straight away; everybody else looks first.
        if self.leading
            && let Some(update) = self.update(unix_micros)
        {
            return Some(update);
        }
        Some(Request::get(Kind::Lease.info(), NAMESPACE, NAME))
    }

    /// Takes the answer to a read.
    pub fn on_read(&mut self, now: SimTime, unix_micros: i64, response: Option<&Response>) -> Step {
        let Some(response) = response else { return self.wait() };
        if response.code == 404 {
            let lease = self.lease(
                ObjectMeta {
                    name: Some(NAME.to_owned()),
                    namespace: Some(NAMESPACE.to_owned()),
                    ..ObjectMeta::default()
                },
                unix_micros,
                None,
            );
            return Step::Send(Request::create(lease));
        }
        let Some(object) = response.object().filter(|_| response.is_success()) else { return self.wait() };
        let seen = self.observed.as_ref().filter(|(seen, _)| seen.resource_version() == object.resource_version());
        let since = seen.map_or(now, |(_, since)| *since);
        self.observed = Some((object.clone(), since));
        let holder = holder(object);
        let valid = !holder.is_empty() && holder != &*self.identity && now.since(since) < self.lease_duration;
        if valid {
            return self.wait();
        }
        self.update(unix_micros).map_or_else(|| self.wait(), Step::Send)
    }

    /// Takes the answer to a create or an update.
    pub fn on_written(&mut self, now: SimTime, response: Option<&Response>) -> Step {
        self.waiting = false;
        match response.filter(|response| response.is_success()).and_then(Response::object) {
            Some(object) => {
                self.observed = Some((object.clone(), now));
                self.last_renewal = now;
                let elected = !std::mem::replace(&mut self.leading, true);
                if elected { Step::Elected(object.clone()) } else { Step::Wait }
            }
            None => {
                // Somebody else wrote: look before the next try.
                self.observed = None;
                Step::Wait
            }
        }
    }

    fn wait(&mut self) -> Step {
        self.waiting = false;
        Step::Wait
    }

    fn update(&self, unix_micros: i64) -> Option<Request> {
        let (object, _) = self.observed.as_ref()?;
        let held: &Lease = object.get()?;
        Some(Request::update(self.lease(held.metadata.clone(), unix_micros, held.spec.as_ref())))
    }

    fn lease(&self, metadata: ObjectMeta, unix_micros: i64, old: Option<&LeaseSpec>) -> Object {
        let now = time::micro_time(unix_micros);
        let transitions = old.and_then(|old| old.lease_transitions).unwrap_or(0);
        let same = old.is_some_and(|old| old.holder_identity.as_deref() == Some(&*self.identity));
        let acquired = old.filter(|_| same).and_then(|old| old.acquire_time.clone());
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.to_string()),
            lease_duration_seconds: Some(i32::try_from(self.lease_duration.as_secs()).unwrap_or(i32::MAX)),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if old.is_some() && !same { transitions + 1 } else { transitions }),
            ..LeaseSpec::default()
        };
        Lease { metadata, spec: Some(spec) }.into_object()
    }
}

fn holder(object: &Object) -> &str {
    let spec = object.get::<Lease>().and_then(|lease| lease.spec.as_ref());
    spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}
