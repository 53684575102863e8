//! Reads a page as strictly as XML is read: every element is closed in its
//! place, every attribute has a value.

use std::collections::BTreeSet;

/// What is in a page.
#[derive(Debug, Default)]
pub struct Outline {
    pub elements: BTreeSet<String>,
    pub attributes: BTreeSet<String>,
    pub ids: Vec<String>,
    /// What a reader sees, elements apart by a space.
    pub text: String,
    /// The style sheet.
    pub style: String,
}

impl Outline {
    /// Panics where the page is not well-formed.
    pub fn of(page: &str) -> Self {
        let mut outline = Self::default();
        let mut open: Vec<String> = Vec::new();
        let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
        while let Some(place) = rest.find('<') {
            outline.add(open.last(), &rest[..place]);
            let end = place + rest[place..].find('>').expect("a tag ends");
            let tag = &rest[place + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name), "closed in its place");
            } else if let Some(tag) = tag.strip_suffix('/') {
                outline.element(tag);
            } else {
                open.push(outline.element(tag));
            }
        }
        assert_eq!(open, Vec::<String>::new(), "left open");
        assert_eq!(rest.trim(), "");
        outline
    }

    /// Ids that more than one element has.
    pub fn repeated_ids(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let repeated = self.ids.iter().filter(|id| !seen.insert(id.as_str()));
        repeated.cloned().collect()
    }

    fn element(&mut self, tag: &str) -> String {
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(
            name.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "{tag}"
        );
        while !rest.is_empty() {
            let (attribute, after) = rest.split_once("=\"").expect("an attribute has a value");
            let (value, after) = after.split_once('"').expect("a value ends");
            if attribute == "id" {
                self.ids.push(value.to_owned());
            }
            self.attributes.insert(attribute.to_owned());
            rest = after.trim_start();
        }
        self.elements.insert(name.to_owned());
        self.text.push(' ');
        name.to_owned()
    }

    fn add(&mut self, within: Option<&String>, text: &str) {
        if within.is_some_and(|name| name == "style") {
            self.style.push_str(text);
            return;
        }
        let mut rest = text;
        let mut words = String::new();
        while let Some(place) = rest.find('&') {
            let end = place + rest[place..].find(';').expect("an entity ends");
            words.push_str(&rest[..place]);
            words.push(match &rest[place..=end] {
                "&amp;" => '&',
                "&lt;" => '<',
                "&gt;" => '>',
                "&quot;" => '"',
                "&#39;" => '\'',
                other => panic!("{other}"),
            });
            rest = &rest[end + 1..];
        }
        words.push_str(rest);
        if !words.trim().is_empty() {
            self.text.truncate(self.text.trim_end().len());
            self.text.push(' ');
            self.text.push_str(words.trim());
        }
    }
}

/// The drawing commands of every element of a name and class; of all when the
/// class is empty.
pub fn facts(page: &str, name: &str, class: &str) -> Vec<String> {
    let start = match class {
        "" => format!("<{name} "),
        class => format!("<{name} class=\"{class}\" "),
    };
    let tags = page.split(&start).skip(1);
    let commands = tags.filter_map(|tag| {
        let (_, commands) = tag.split_once("d=\"")?;
        Some(commands.split_once('"')?.0.to_owned())
    });
    commands.collect()
}
