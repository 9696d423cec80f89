//! The root CA publisher: a ConfigMap `kube-root-ca.crt` in every namespace.
//!
//! Mirrors pkg/controller/certificates/rootcacertpublisher. The cluster has no certificates: what is
//! published says so in the form of one.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};

use crate::api::{Kind, ObjectKey, Reason, Request, Typed};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Plan, Write};
use super::serviceaccount::is_active;

const NAME: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
const DESCRIPTION_TEXT: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using \
                                internal endpoints such as the internal service IP or kubernetes.default.svc. No \
                                other usage is guaranteed across distributions of Kubernetes clusters.";
/// "This cluster is simulated: nothing in it is signed."
const ROOT_CA: &str = "-----BEGIN CERTIFICATE-----\n\
                       VGhpcyBjbHVzdGVyIGlzIHNpbXVsYXRlZDogbm90aGluZyBpbiBpdCBpcyBzaWdu\n\
                       ZWQu\n\
                       -----END CERTIFICATE-----\n";

/// The controller. It remembers nothing.
#[derive(Clone, Debug, Default)]
pub struct RootCaCertPublisher;

impl Controller for RootCaCertPublisher {
    fn name(&self) -> &'static str {
        "root-ca-certificate-publisher-controller"
    }

    fn service_account(&self) -> &'static str {
        "root-ca-cert-publisher"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::ConfigMap, Kind::Namespace]
    }

    fn workers(&self) -> usize {
        1
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let namespace = match (change.kind, &change.new) {
            (Kind::Namespace, Some(_)) => &change.key.name,
            (Kind::ConfigMap, new) if &*change.key.name == NAME && (new.is_none() || change.old.is_some()) => {
                &change.key.namespace
            }
            _ => return Vec::new(),
        };
        vec![Enqueue::now(WorkKey::new(Kind::Namespace, ObjectKey::new("", namespace)))]
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(namespace) = &turn.subject::<Namespace>().filter(|namespace| is_active(namespace)) else {
            return Plan::nothing("the namespace is gone or going");
        };
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        let data = BTreeMap::from([("ca.crt".to_owned(), ROOT_CA.to_owned())]);
        let existing = turn.observed.stores.get::<ConfigMap>(&ObjectKey::new(name, NAME));
        let described = |map: &ConfigMap| {
            map.metadata.annotations.as_ref().and_then(|all| all.get(DESCRIPTION)).map(String::as_str)
                == Some(DESCRIPTION_TEXT)
        };
        if existing.as_ref().is_some_and(|map| map.data.as_ref() == Some(&data) && described(map)) {
            return Plan::nothing("it has the root CA");
        }
        let found = existing.is_some();
        let mut map = existing.map(|map| (*map).clone()).unwrap_or_default();
        map.metadata.name = Some(NAME.to_owned());
        map.metadata.namespace = Some(name.to_owned());
        let annotations = map.metadata.annotations.get_or_insert_default();
        annotations.insert(DESCRIPTION.to_owned(), DESCRIPTION_TEXT.to_owned());
        map.data = Some(data);
        let object = map.into_object();
        let request = if found { Request::update(object) } else { Request::create(object) };
        let write = Write::new(request).tolerating(&[Reason::AlreadyExists]);
        Plan::steps("wants the ConfigMap kube-root-ca.crt", vec![write.step()])
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
