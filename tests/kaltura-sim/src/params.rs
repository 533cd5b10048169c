//! Request parameters: path, query, form, JSON and multipart bodies into one tree (spec section 4.4).

use serde_json::{Map, Value};

/// Parameters by name; nested ones are objects, lists may be arrays or objects with numeric names.
pub(crate) type Params = Map<String, Value>;

/// Deeper nesting is dropped: nothing in the API needs it.
const MAX_DEPTH: usize = 16;

/// Adds URL-encoded pairs (a form body or a query), in PHP's bracket form or Kaltura's colon form.
pub(crate) fn add_encoded(params: &mut Params, encoded: &[u8]) {
    for (name, value) in url::form_urlencoded::parse(encoded) {
        add_pair(params, &name, &value);
    }
}

/// Adds one pair whose name may nest: `a[b][c]` or `a:b:c`.
pub(crate) fn add_pair(params: &mut Params, name: &str, value: &str) {
    // Tags by language are looked for in nested parameters before the colon form is made such (spec section 7).
    if name.contains(":multiLingual_") {
        return;
    }
    let path = split_name(name);
    if !path.is_empty() && path.len() <= MAX_DEPTH {
        insert(params, &path, value);
    }
}

/// Adds a JSON object's members. False if the body is no object.
pub(crate) fn add_json(params: &mut Params, body: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return false;
    };
    for (name, value) in members {
        match value {
            // Official clients put colon names into JSON too.
            Value::String(text) if name.contains(':') => add_pair(params, &name, &text),
            value => {
                params.insert(name, value);
            }
        }
    }
    true
}

/// Adds the `/name/value` pairs that follow an action's name in the path.
pub(crate) fn add_path<'a>(params: &mut Params, mut segments: impl Iterator<Item = &'a str>) {
    while let (Some(name), Some(value)) = (segments.next(), segments.next()) {
        let decode = |text: &str| {
            url::form_urlencoded::parse(format!("x={text}").as_bytes())
                .next()
                .map(|(_, v)| v.into_owned())
        };
        add_pair(params, name, &decode(value).unwrap_or_default());
    }
}

fn split_name(name: &str) -> Vec<String> {
    let mut path = Vec::new();
    let (head, mut rest) = name.find('[').map_or((name, ""), |at| name.split_at(at));
    path.extend(head.split(':').map(str::to_owned));
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((key, after)) = inner.split_once(']') else {
            break;
        };
        path.push(key.to_owned());
        rest = after;
    }
    path
}

fn insert(into: &mut Params, path: &[String], value: &str) {
    let Some((head, tail)) = path.split_first() else {
        return;
    };
    // PHP's `a[]=v` appends.
    let key = if head.is_empty() {
        into.len().to_string()
    } else {
        head.clone()
    };
    if tail.is_empty() {
        into.insert(key, Value::String(value.to_owned()));
        return;
    }
    let slot = into.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(inner) = slot {
        insert(inner, tail, value);
    }
}

/// A scalar as text, whatever its JSON type: callers send numbers as strings and the other way round.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "1" } else { "0" }.to_owned()),
        _ => None,
    }
}

/// A scalar as PHP casts it to an integer: leading digits, else 0.
pub(crate) fn integer(value: &Value) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or_default(),
        Value::Bool(flag) => i64::from(*flag),
        Value::String(text) => {
            let text = text.trim();
            let end = text
                .char_indices()
                .find(|(at, c)| !(c.is_ascii_digit() || (*at == 0 && "+-".contains(*c))));
            text[..end.map_or(text.len(), |(at, _)| at)]
                .parse()
                .unwrap_or_default()
        }
        _ => 0,
    }
}

/// A scalar as the server casts it to a boolean: `false` in any case, `0` and the empty string are false.
pub(crate) fn boolean(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !(text.is_empty() || text == "0" || text.eq_ignore_ascii_case("false")),
        Value::Null => false,
        _ => true,
    }
}

/// A list, however it was sent: an array, or an object with numeric names (`a[0]=…`), sorted by them.
pub(crate) fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Object(members) => {
            let mut items: Vec<(u64, Value)> = members
                .iter()
                .filter_map(|(name, item)| name.parse().ok().map(|index| (index, item.clone())))
                .collect();
            items.sort_by_key(|(index, _)| *index);
            items.into_iter().map(|(_, item)| item).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn form(body: &str) -> Value {
        let mut params = Params::new();
        add_encoded(&mut params, body.as_bytes());
        Value::Object(params)
    }

    #[test]
    fn brackets_and_colons_say_the_same() {
        let expected = json!({"contentResource": {"objectType": "KalturaUrlResource", "urlHeaders": {"0": {"value": "X-A: b"}}}});
        assert_eq!(
            form(
                "contentResource[objectType]=KalturaUrlResource&contentResource[urlHeaders][0][value]=X-A:+b"
            ),
            expected
        );
        assert_eq!(
            form("contentResource:objectType=KalturaUrlResource&contentResource:urlHeaders:0:value=X-A:+b"),
            expected
        );
    }

    #[test]
    fn tags_by_language_are_lost_in_the_colon_form() {
        assert_eq!(form("mediaEntry:multiLingual_tags:0:language=FR"), json!({}));
        assert_eq!(
            form("mediaEntry[multiLingual_tags][0][language]=FR"),
            json!({"mediaEntry": {"multiLingual_tags": {"0": {"language": "FR"}}}})
        );
    }

    #[test]
    fn lists_are_sorted_by_index() {
        assert_eq!(
            list(&form("a[10]=z&a[2]=y&a[0]=x")["a"]),
            [json!("x"), json!("y"), json!("z")]
        );
        assert_eq!(list(&json!({"-": ""})), Vec::<Value>::new());
    }

    #[test]
    fn integers_are_cast_as_php_does() {
        assert_eq!(integer(&json!("12abc")), 12);
        assert_eq!(integer(&json!("-7")), -7);
        assert_eq!(integer(&json!("x")), 0);
    }

    #[test]
    fn booleans_are_cast_as_the_server_does() {
        let cast = |text: &str| boolean(&json!(text));
        assert_eq!(
            ["False", "0", "", "no", "true"].map(cast),
            [false, false, false, true, true]
        );
    }

    proptest! {
        #[test]
        fn no_form_panics(body in "[a-c\\[\\]:=&0-2%]{0,60}") {
            form(&body);
        }
    }
}
