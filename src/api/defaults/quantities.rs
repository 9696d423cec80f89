//! Where an object holds quantities: so that one which does not parse is refused while decoding, as Go's
//! decoder refuses it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRangeItem, PersistentVolumeClaim, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::api::object::Object;
use crate::api::quantity::{Quantity, QuantityError};

type List = Option<BTreeMap<String, Text>>;

/// Why decoding fails: the first quantity that does not parse.
pub fn bad_quantity(object: &Object) -> Option<QuantityError> {
    match object {
        Object::Pod(pod) => {
            let status = pod.status.as_ref();
            pod.spec.as_ref().and_then(in_spec).or_else(|| in_list(&status?.allocated_resources))
        }
        Object::CronJob(own) => {
            let job = own.spec.job_template.spec.as_ref()?;
            in_spec(job.template.spec.as_ref()?)
        }
        Object::Job(own) => in_spec(own.spec.as_ref()?.template.spec.as_ref()?),
        Object::DaemonSet(own) => in_spec(own.spec.as_ref()?.template.spec.as_ref()?),
        Object::LimitRange(own) => own.spec.as_ref()?.limits.iter().find_map(in_limits),
        Object::PersistentVolume(own) => in_list(&own.spec.as_ref()?.capacity),
        Object::PersistentVolumeClaim(own) => in_claim(own),
        Object::PodTemplate(own) => in_spec(own.template.as_ref()?.spec.as_ref()?),
        Object::ReplicationController(own) => in_spec(own.spec.as_ref()?.template.as_ref()?.spec.as_ref()?),
        Object::ResourceQuota(own) => {
            let status = own.status.as_ref();
            let used = || in_list(&status?.hard).or_else(|| in_list(&status?.used));
            in_list(&own.spec.as_ref()?.hard).or_else(used)
        }
        Object::StatefulSet(own) => {
            let spec = own.spec.as_ref()?;
            let claims = spec.volume_claim_templates.iter().flatten();
            spec.template.spec.as_ref().and_then(in_spec).or_else(|| claims.into_iter().find_map(in_claim))
        }
        Object::Deployment(own) => in_spec(own.spec.as_ref()?.template.spec.as_ref()?),
        Object::ReplicaSet(own) => in_spec(own.spec.as_ref()?.template.as_ref()?.spec.as_ref()?),
        Object::Node(node) => {
            let status = node.status.as_ref()?;
            in_list(&status.capacity).or_else(|| in_list(&status.allocatable))
        }
        _ => None,
    }
}

fn bad(text: &Text) -> Option<QuantityError> {
    Quantity::parse(&text.0).err()
}

fn in_claim(claim: &PersistentVolumeClaim) -> Option<QuantityError> {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let asked = resources.and_then(|own| in_list(&own.limits).or_else(|| in_list(&own.requests)));
    asked.or_else(|| in_list(&claim.status.as_ref()?.capacity))
}

fn in_limits(item: &LimitRangeItem) -> Option<QuantityError> {
    let LimitRangeItem { max, min, default, default_request, max_limit_request_ratio, .. } = item;
    [max, min, default, default_request, max_limit_request_ratio].into_iter().find_map(in_list)
}

fn in_list(list: &List) -> Option<QuantityError> {
    list.iter().flatten().find_map(|(_, text)| bad(text))
}

fn in_requirements(own: &Option<ResourceRequirements>) -> Option<QuantityError> {
    let own = own.as_ref()?;
    in_list(&own.limits).or_else(|| in_list(&own.requests))
}

fn in_spec(spec: &PodSpec) -> Option<QuantityError> {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    let parts = containers.map(|own| (&own.resources, &own.env)).chain(ephemeral.map(|own| (&own.resources, &own.env)));
    for (resources, env) in parts {
        let sources = env.iter().flatten().filter_map(|own| own.value_from.as_ref()?.resource_field_ref.as_ref());
        let divisor = sources.filter_map(|field| field.divisor.as_ref()).find_map(bad);
        if let Some(error) = divisor.or_else(|| in_requirements(resources)) {
            return Some(error);
        }
    }
    let limits = spec.volumes.iter().flatten().filter_map(|own| own.empty_dir.as_ref()?.size_limit.as_ref());
    in_list(&spec.overhead).or_else(|| in_requirements(&spec.resources)).or_else(|| limits.into_iter().find_map(bad))
}
