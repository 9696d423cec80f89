//! Label selectors, as `metav1.LabelSelectorAsSelector` reads them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Whether the selector is empty: it selects everything.
pub fn is_everything(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

/// Whether the selector picks an object with these labels. An operator nobody knows picks nothing.
pub fn matches(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    let value = |key: &str| labels.and_then(|labels| labels.get(key));
    let equal = selector.match_labels.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted));
    equal
        && selector.match_expressions.iter().flatten().all(|requirement| {
            let values = requirement.values.as_deref().unwrap_or_default();
            let found = value(&requirement.key);
            match requirement.operator.as_str() {
                "In" => found.is_some_and(|found| values.contains(found)),
                "NotIn" => found.is_none_or(|found| !values.contains(found)),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

    #[test]
    fn expressions_and_labels_must_all_hold() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let check = |operator: &str, key: &str, values: &[&str]| {
            let selector = LabelSelector {
                match_labels: None,
                match_expressions: Some(vec![LabelSelectorRequirement {
                    key: key.to_owned(),
                    operator: operator.to_owned(),
                    values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
                }]),
            };
            matches(&selector, Some(&labels))
        };
        assert!(check("In", "app", &["web", "api"]));
        assert!(!check("NotIn", "app", &["web"]));
        assert!(check("NotIn", "tier", &["web"]), "a missing label is not in the list");
        assert!(check("Exists", "app", &[]) && check("DoesNotExist", "tier", &[]));
        assert!(matches(&LabelSelector::default(), None) && is_everything(&LabelSelector::default()));
    }
}
