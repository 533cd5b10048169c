//! What is changed in a source, and how it looks with everything behind its switch.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mutants::switches::{Mutant, find, rewrite};

const SOURCE: &str = include_str!("sources/everything.rs");

#[test]
fn all_that_may_be_changed_is_found() {
    let found = find(SOURCE, 1).unwrap();
    let listed: Vec<String> = found
        .iter()
        .map(|mutant| {
            format!(
                "{:>3} line {:>2} {}: {}",
                mutant.id, mutant.line, mutant.function, mutant.what
            )
        })
        .collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[test]
fn each_is_behind_its_switch() {
    let found = find(SOURCE, 1).unwrap();
    let (text, written) = rewrite(SOURCE, &found.iter().collect::<Vec<_>>());
    syn::parse_file(&text).unwrap();
    for written in &written {
        assert!(
            text[written.text.clone()].contains(&format!("is({})", written.id)),
            "{written:?}"
        );
    }
    insta::assert_snapshot!(text);
}

#[test]
fn with_none_the_source_is_as_it_was() {
    assert_eq!(rewrite(SOURCE, &[]), (SOURCE.to_owned(), Vec::new()));
}

#[test]
fn one_by_one_they_are_the_same_text() {
    for mutant in find(SOURCE, 1).unwrap() {
        let (text, written) = rewrite(SOURCE, &[&mutant]);
        syn::parse_file(&text).unwrap();
        assert_eq!(written.len(), 1, "{mutant:?}");
        assert!(written[0].whole.end >= written[0].text.end);
    }
}

#[test]
fn what_is_no_rust_is_said_to_be_none() {
    let found: Result<Vec<Mutant>, _> = find("fn (", 1);
    assert!(found.is_err());
}
