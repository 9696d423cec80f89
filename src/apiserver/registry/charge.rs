//! Charging quotas with an object before it is stored: one quota after another, by compare and swap.
//!
//! Mirrors `quotaEvaluator.checkQuotas`. What was charged for an object that is not stored after all stays charged
//! until the quota controller counts again, as upstream.

use std::sync::Arc;

use crate::api::{Body, Kind, Message, Object, Status};
use crate::sim::Ctx;

use super::super::admission::resource_quota;
use super::super::options::dry_run;
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::Call;
use super::errand::Work;
use super::mutation::{Change, Mutation, Write};

/// What is done once every quota is charged.
#[derive(Clone, Debug)]
enum Then {
    Create {
        resource: Resource,
        generated: Option<String>,
    },
    /// The change of an object is written, if it is still the one that was decided on.
    Write {
        mutation: Box<Mutation>,
        then_delete: bool,
    },
}

/// A charge under way.
#[derive(Clone, Debug)]
pub struct Charge {
    object: Arc<Object>,
    /// What it replaces.
    old: Option<Arc<Object>>,
    /// The quotas that are still to be charged.
    quotas: Vec<Arc<str>>,
    then: Then,
}

impl Charge {
    /// For a new object.
    pub fn of_new(resource: Resource, object: Object, generated: Option<String>, quotas: Vec<Arc<str>>) -> Self {
        Charge { object: Arc::new(object), old: None, quotas, then: Then::Create { resource, generated } }
    }

    /// For a change that is about to be written.
    pub fn of_change(mutation: Mutation, (object, then_delete): (Box<Object>, bool), current: Arc<Object>) -> Self {
        let then = Then::Write { mutation: Box::new(mutation), then_delete };
        Charge { object: Arc::new(*object), old: Some(current), quotas: Vec::new(), then }
    }
}

impl ApiServer {
    /// Whether a change may use more of a quota: only services and claims are charged for changes, and only where
    /// their namespace has quotas.
    pub(super) fn uses_more(&self, mutation: &Mutation, object: &Object, current: &Object) -> bool {
        let charged = matches!(mutation.change, Change::Update(_) | Change::Patch { .. } | Change::Apply(_))
            && matches!(object.kind(), Kind::PersistentVolumeClaim | Kind::Service)
            && mutation.resource.subresource.is_empty()
            && !mutation.dry_run;
        charged && {
            let concerned = resource_quota::concerned(&self.cache, object, Some(current), 0);
            concerned.is_err() || concerned.is_ok_and(|names| !names.is_empty())
        }
    }

    /// Charges the next quota, or goes on with what was to be stored.
    pub(super) fn charge(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, mut charge: Charge) {
        if let (Some(old), Then::Write { .. }, true) = (&charge.old, &charge.then, charge.quotas.is_empty()) {
            // A change comes here undecided.
            match resource_quota::concerned(&self.cache, &charge.object, Some(old), ctx.unix_micros()) {
                Ok(names) => charge.quotas = names,
                Err(status) => return self.respond(ctx, call, Err(status)),
            }
        }
        self.charge_next(ctx, call, charge);
    }

    fn charge_next(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, mut charge: Charge) {
        let dry = dry_run(&call.request).unwrap_or(false);
        if charge.quotas.is_empty() || dry {
            return self.charged_all(ctx, call, charge);
        }
        let name = charge.quotas.remove(0);
        let (object, old) = (charge.object.clone(), charge.old.clone());
        let namespace = Arc::from(object.namespace());
        let resource = Resource { kind: Kind::ResourceQuota, namespace, name, subresource: Arc::from("") };
        let mutation = Mutation { resource, change: Change::Charge { object, old }, dry_run: false };
        self.send_on_errand(ctx, call, Work::Charge(Box::new(charge)), mutation);
    }

    /// A quota was charged, or had no room after all. One that went meanwhile does not count.
    pub(super) fn charged(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: Call,
        charge: Charge,
        result: Result<(u16, Body), Status>,
    ) {
        match result {
            Err(status) if status.reason != crate::api::Reason::NotFound => self.respond(ctx, call, Err(status)),
            _ => self.charge_next(ctx, call, charge),
        }
    }

    fn charged_all(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, charge: Charge) {
        let object = Arc::unwrap_or_clone(charge.object);
        match charge.then {
            Then::Create { resource, generated } => self.admitted(ctx, call, resource, object, generated),
            Then::Write { mutation, then_delete } => {
                let revision = charge.old.map_or(0, |old| old.resource_version());
                let mut object = object;
                object.meta_mut().resource_version = None;
                let write = Write::Put { object: Arc::new(object), then_delete };
                self.write(ctx, call, *mutation, write, revision);
            }
        }
    }
}
