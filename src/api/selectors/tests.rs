use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as MetaLabelSelector, LabelSelectorRequirement};

use super::{FieldSelector, LabelSelector, escape_value, format_meta};

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn good_selectors_parse() {
    // TestSelectorParse of selector_test.go.
    for text in
        ["x=a,y=b,z=c", "", "x!=a,y=b", "x=", "x= ", "x=,z= ", "x= ,z= ", "!x", "x>1", "x>1,z<5", "x in (),y notin (a)"]
    {
        assert!(LabelSelector::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn selectors_print_as_they_mean() {
    for (text, printed) in [
        ("x=a,y=b,z=c", "x=a,y=b,z=c"),
        ("z=c , x==a", "x==a,z=c"),
        ("x notin (b, a)", "x notin (a,b)"),
        ("x in (a,,b)", "x in (,a,b)"),
        ("x,!y", "x,!y"),
        ("in in (in)", "in in (in)"),
        ("x>1,z<5", "x>1,z<5"),
    ] {
        assert_eq!(LabelSelector::parse(text).map(|selector| selector.to_string()), Ok(printed.to_owned()));
    }
}

#[test]
fn bad_selectors_say_why() {
    for (text, error) in [
        ("x=a||y=b", "unable to parse requirement: values[0][x]: Invalid value: \"a||y\": a valid label"),
        ("x==a==b", "found '==', expected: ',' or 'end of string'"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        ("x<a", "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators"),
        ("x in a", "unable to parse requirement: found 'a' expected: '('"),
        ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("x=a,", "found '', expected: identifier after ','"),
        (",x", "found ',', expected: !, identifier, or 'end of string'"),
        ("x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"),
        ("a$b=c", "unable to parse requirement: <nil>: Invalid value: \"a$b\": name part must consist of"),
        ("=", "found '=', expected: !, identifier, or 'end of string'"),
    ] {
        let found = LabelSelector::parse(text).expect_err(text);
        assert!(found.starts_with(error), "{text}: {found}");
    }
}

#[test]
fn label_selectors_match() {
    // TestSelectorMatches and TestSetMatches of selector_test.go.
    for (text, set, matches) in [
        ("", labels(&[("x", "y")]), true),
        ("x=y", labels(&[("x", "y")]), true),
        ("x=y,z=w", labels(&[("x", "y"), ("z", "w")]), true),
        ("x!=y,z!=w", labels(&[("x", "z"), ("z", "a")]), true),
        ("notin=in", labels(&[("notin", "in")]), true),
        ("x", labels(&[("x", "z")]), true),
        ("!x", labels(&[("y", "z")]), true),
        ("x>1", labels(&[("x", "2")]), true),
        ("x<1", labels(&[("x", "0")]), true),
        ("x=z", labels(&[]), false),
        ("x=y", labels(&[("x", "z")]), false),
        ("x=y,z=w", labels(&[("x", "w"), ("z", "w")]), false),
        ("x!=y,z!=w", labels(&[("x", "z"), ("z", "w")]), false),
        ("x", labels(&[("y", "z")]), false),
        ("!x", labels(&[("x", "z")]), false),
        ("x>1", labels(&[("x", "0")]), false),
        ("x<1", labels(&[("x", "2")]), false),
        ("x>1", labels(&[("x", "many")]), false),
        ("x notin (a)", labels(&[]), true),
    ] {
        assert_eq!(LabelSelector::parse(text).expect(text).matches(&set), matches, "{text} on {set:?}");
    }
}

#[test]
fn label_selector_objects_become_selectors() {
    let requirement = |operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: "baz".to_owned(),
        operator: operator.to_owned(),
        values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
    };
    let selector = |expression| MetaLabelSelector {
        match_labels: Some(labels(&[("foo", "bar")])),
        match_expressions: Some(vec![expression]),
    };
    assert_eq!(format_meta(Some(&selector(requirement("In", &["qux", "norf"])))), "baz in (norf,qux),foo=bar");
    assert_eq!(format_meta(Some(&selector(requirement("Exists", &[])))), "baz,foo=bar");
    assert_eq!(
        LabelSelector::from_meta(Some(&selector(requirement("ExistsNoMore", &[])))),
        Err("\"ExistsNoMore\" is not a valid label selector operator".to_owned())
    );
    assert!(LabelSelector::from_meta(Some(&selector(requirement("Exists", &["a"])))).is_err());
    assert!(!LabelSelector::from_meta(None).expect("nothing").matches(&labels(&[])));
    assert!(LabelSelector::from_meta(Some(&MetaLabelSelector::default())).expect("all").matches(&labels(&[])));
}

#[test]
fn field_selectors_parse_and_print() {
    // TestSplitTerms, TestSelectorParse, TestEscapeValue of fields/selector_test.go.
    for text in ["", "x=a,y=b,z=c", "x!=a,y=b", r"x=a\,b", r"x=a\=b", "x="] {
        let selector = FieldSelector::parse(text).expect(text);
        assert_eq!(selector.to_string(), text);
    }
    assert_eq!(FieldSelector::parse("x==a").expect("double equals").to_string(), "x=a");
    assert_eq!(FieldSelector::parse("x"), Err("invalid selector: 'x'; can't understand 'x'".to_owned()));
    assert!(FieldSelector::parse(r"x=a\b").is_err());
    assert!(FieldSelector::parse("x=a=b").is_err());
    assert_eq!(FieldSelector::parse("metadata.name=web").expect("name").requires("metadata.name"), Some("web"));
}

#[test]
fn unknown_field_labels_are_refused() {
    use crate::api::object::Kind;
    let selector = FieldSelector::parse("spec.foo=a").expect("a selector");
    let message = |kind: Kind| selector.check(kind.info()).expect_err("unknown").message;
    assert_eq!(message(Kind::Pod), "field label not supported: spec.foo");
    assert_eq!(
        message(Kind::Deployment),
        "\"spec.foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
}

#[test]
fn any_value_survives_a_field_selector() {
    for value in ["db-pass", "a=b,c", r"back\slash", "<img src=x onerror=alert(1)>"] {
        let read = FieldSelector::parse(&format!("metadata.name={}", escape_value(value))).expect(value);
        assert_eq!(read.requires("metadata.name"), Some(value));
    }
}
