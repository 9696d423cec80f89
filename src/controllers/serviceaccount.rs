//! The service account controller: a ServiceAccount `default` in every namespace.
//!
//! Mirrors pkg/controller/serviceaccount/serviceaccounts_controller.go.

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};

use crate::api::{Kind, ObjectKey, Reason, Request, Typed};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Plan, Write};

const NAME: &str = "default";

/// The controller. It remembers nothing.
#[derive(Clone, Debug, Default)]
pub struct ServiceAccountsController;

/// Whether a namespace takes new objects.
pub(super) fn is_active(namespace: &Namespace) -> bool {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    namespace.metadata.deletion_timestamp.is_none() && phase != Some("Terminating")
}

impl Controller for ServiceAccountsController {
    fn name(&self) -> &'static str {
        "serviceaccount-controller"
    }

    fn service_account(&self) -> &'static str {
        "service-account-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Namespace, Kind::ServiceAccount]
    }

    fn workers(&self) -> usize {
        1
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let namespace = match (change.kind, &change.new) {
            (Kind::Namespace, Some(_)) => &change.key.name,
            (Kind::ServiceAccount, None) if &*change.key.name == NAME => &change.key.namespace,
            _ => return Vec::new(),
        };
        vec![Enqueue::now(WorkKey::new(Kind::Namespace, ObjectKey::new("", namespace)))]
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(namespace) = &turn.subject::<Namespace>().filter(|namespace| is_active(namespace)) else {
            return Plan::nothing("the namespace is gone or going");
        };
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        if turn.observed.stores.of(Kind::ServiceAccount).get(&ObjectKey::new(name, NAME)).is_some() {
            return Plan::nothing("it has its ServiceAccount");
        }
        let mut account = ServiceAccount::default();
        account.metadata.name = Some(NAME.to_owned());
        account.metadata.namespace = Some(name.to_owned());
        let write = Write::new(Request::create(account.into_object())).tolerating(&[Reason::AlreadyExists]);
        Plan::steps("wants the ServiceAccount default", vec![write.step()])
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::fake;

    #[test]
    fn every_active_namespace_has_one() {
        let mut observed = fake::observed();
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some("shop".to_owned());
        observed.stores.insert(namespace.clone().into_object());
        let key = WorkKey::new(Kind::Namespace, ObjectKey::new("", "shop"));
        let plan = |observed: &Observed| ServiceAccountsController.reconcile(&fake::turn(observed, key.clone()));
        assert_eq!(fake::lines(&plan(&observed)), ["POST /api/v1/namespaces/shop/serviceaccounts"]);
        let mut account = ServiceAccount::default();
        account.metadata.name = Some(NAME.to_owned());
        account.metadata.namespace = Some("shop".to_owned());
        observed.stores.insert(account.into_object());
        assert!(fake::lines(&plan(&observed)).is_empty());
    }
}
