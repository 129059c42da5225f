//! The brackets of a `JSONPath` and the quotation marks in them: what they enclose is one unit.

/// What a look at a `JSONPath`, or at a comma list that begins with one, comes to.
#[derive(Debug, Default)]
struct Scan {
    /// The most brackets within each other.
    deepest: usize,
    /// Where the brackets begin that have no end, in bytes.
    open: Vec<usize>,
    /// Where a string begins that has no end, in bytes.
    string: Option<usize>,
    /// The first comma outside of all brackets, in bytes.
    comma: Option<usize>,
}

fn scan(text: &str) -> Scan {
    let mut found = Scan::default();
    let mut quoted_by = None;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quoted_by, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some((mark, _)), _) if mark == c => quoted_by = None,
            // Outside of brackets a quotation mark is an ordinary character, or a mistake.
            (None, '\'' | '"') if !found.open.is_empty() => quoted_by = Some((c, at)),
            (None, '[' | '(') => found.open.push(at),
            (None, ']' | ')') => {
                found.open.pop();
            }
            (None, ',') if found.open.is_empty() => found.comma = found.comma.or(Some(at)),
            _ => {}
        }
        found.deepest = found.deepest.max(found.open.len());
    }
    found.string = quoted_by.map(|(_, at)| at);
    found
}

/// How many brackets are open at once, at most, apart from those in quotation marks.
pub(super) fn depth(json_path: &str) -> usize {
    scan(json_path).deepest
}

/// Where the innermost bracket or string begins that has no end, in bytes.
pub(super) fn unclosed(json_path: &str) -> Option<usize> {
    let found = scan(json_path);
    found.string.or(found.open.last().copied())
}

/// Where the first path of a comma list ends, in bytes. Commas in the brackets of a `JSONPath` are a
/// part of it; so is all that follows a bracket without its end.
#[must_use]
pub fn first_path_end(list: &str) -> usize {
    let comma = if list.trim_start().starts_with('$') {
        scan(list).comma
    } else {
        list.find(',')
    };
    comma.unwrap_or(list.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_counted_apart_from_those_in_quotation_marks() {
        let cases = [
            ("$", 0),
            ("$.a[0][1]", 1),
            ("$.a[?length(@.b[0]) > 1]", 3),
            ("$['[[((']", 1),
            (r#"$["\"[[("]"#, 1),
            (r"$['a\\'][?(@.b)]", 2),
            ("$.a]]]](", 1),
        ];
        for (path, expected) in cases {
            assert_eq!(depth(path), expected, "{path}");
        }
    }

    #[test]
    fn the_first_path_of_a_list_keeps_its_brackets() {
        let cases = [
            ("a,b", "a"),
            ("a", "a"),
            (r#" $.p["a","b"],c"#, r#" $.p["a","b"]"#),
            ("$.p[0,1],c", "$.p[0,1]"),
            ("$[?(@.a == 'x,y')],c", "$[?(@.a == 'x,y')]"),
            (r"$['it\'s,]'],c", r"$['it\'s,]']"),
            ("$.a'b,c'", "$.a'b"),
            ("$.a],c", "$.a]"),
            // A dotted path knows no brackets.
            ("a['b,c']", "a['b"),
            ("$.p[0,c", "$.p[0,c"),
        ];
        for (list, expected) in cases {
            assert_eq!(&list[..first_path_end(list)], expected, "{list}");
        }
    }

    #[test]
    fn what_has_no_end_is_found() {
        let cases = [
            ("$.a[0]", None),
            ("$.a[0", Some(3)),
            ("$.a['b]", Some(4)),
            ("$[?(@.a[0]", Some(3)),
        ];
        for (path, expected) in cases {
            assert_eq!(unclosed(path), expected, "{path}");
        }
    }
}
