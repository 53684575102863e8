//! Which lines of a file a rule looks at.

use crate::repository::TextFile;

pub(super) fn is_rust(file: &TextFile) -> bool {
    has_extension(file, &["rs"])
}

pub(super) fn has_extension(file: &TextFile, extensions: &[&str]) -> bool {
    std::path::Path::new(&file.path)
        .extension()
        .is_some_and(|own| extensions.iter().any(|extension| own == *extension))
}

/// Whether `make generate` writes the file: the API's code for the SDKs.
pub(super) fn is_generated(file: &TextFile) -> bool {
    file.path.starts_with("clients/") && file.path.contains("/gen/")
}

/// The lines of a Rust file with their indices, without those that are only a comment.
pub(super) fn rust_code(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// For each line of a Rust file, whether it belongs to tests: all of them in test files, else the items for tests.
pub(super) fn test_lines(file: &TextFile) -> Vec<bool> {
    let mut parts = file.path.rsplit('/');
    let name = parts.next();
    let whole =
        name == Some("tests.rs") || parts.any(|folder| folder == "tests") && !is_library(file);
    let mut marks = vec![whole; file.text.lines().count()];
    let lines: Vec<&str> = file.text.lines().collect();
    let mut index = 0;
    while index < lines.len() {
        let trimmed = lines[index].trim_start();
        if trimmed.starts_with("#[cfg(test)]")
            || trimmed.starts_with("#[test]")
            || trimmed.starts_with("#[tokio::test")
        {
            let end = item_end(&lines, index);
            marks[index..=end].fill(true);
            index = end;
        }
        index += 1;
    }
    marks
}

/// The package of tests has a library too, which is ordinary code.
fn is_library(file: &TextFile) -> bool {
    file.path.starts_with("tests/src/")
}

/// The last line of the item that an attribute belongs to. Formatted code closes an item where it began, so the
/// indentation tells, and no brace in a string can mislead.
fn item_end(lines: &[&str], attribute: usize) -> usize {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let own = indentation(lines[attribute]);
    let ends = |line: &str| {
        let text = line.trim_end();
        indentation(line) == own
            && (text.trim_start().starts_with('}') || text.ends_with(';') || text.ends_with("{}"))
    };
    let following = lines.iter().enumerate().skip(attribute);
    following
        .into_iter()
        .find(|(_, line)| ends(line))
        .map_or(lines.len() - 1, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(path: &str, text: &str) -> Vec<usize> {
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let marks = test_lines(&file).into_iter().enumerate();
        marks
            .filter(|(_, marked)| *marked)
            .map(|(index, _)| index + 1)
            .collect()
    }

    #[test]
    fn marks_the_lines_of_tests() {
        let module = "fn a() {\n}\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    fn b() {\n        \"}\";\n    }\n}\nfn c() {}\n";
        let declared = "#[cfg(test)]\nmod tests;\nfn a() {}\n";
        let single =
            "impl A {\n    #[cfg(test)]\n    fn a() {\n        b();\n    }\n    fn b() {}\n}\n";
        let attributes =
            "#[tokio::test(start_paused = true)]\n#[cfg(unix)]\nasync fn a() {\n}\nfn b() {}\n";
        let cases: [(&str, &str, &[usize]); 9] = [
            ("crates/a/src/a.rs", module, &[3, 4, 5, 6, 7, 8, 9, 10]),
            ("crates/a/src/a.rs", declared, &[1, 2]),
            ("crates/a/src/a.rs", single, &[2, 3, 4, 5]),
            ("crates/a/src/a.rs", attributes, &[1, 2, 3, 4]),
            ("crates/a/src/a.rs", "fn a() {\n}\n", &[]),
            ("crates/a/tests/a.rs", "fn a() {\n}\n", &[1, 2]),
            ("crates/a/src/b/tests.rs", "fn a() {\n}\n", &[1, 2]),
            ("tests/src/a.rs", "fn a() {\n}\n", &[]),
            ("crates/a/src/a.rs", "#[cfg(test)]\nmod cut {\n", &[1, 2]),
        ];
        for (path, text, expected) in cases {
            assert_eq!(marked(path, text), expected, "{path}:\n{text}");
        }
    }
}
