//! What a document tells its reader to do.

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Save a block as a file: ```` ```yaml file=NAME ````.
    Save {
        /// The file's name.
        file: String,
        /// Its text.
        text: String,
    },
    /// Type a line of an `sh` block.
    Run {
        /// The line; those that end in a backslash are joined.
        command: String,
        /// The exit code that the document announces: ```` ```sh exit=2 ````.
        exit: Option<i32>,
    },
    /// Have the database's owner carry out an `sql` block.
    Sql(String),
}

/// The steps of a document, in its order. Blocks of other kinds are for reading.
pub fn steps(markdown: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    // A block begins and ends with a line of three backquotes; what is between two blocks is prose.
    for block in markdown.split("\n```").skip(1).step_by(2) {
        let (head, text) = block.split_once('\n').unwrap_or((block, ""));
        let mut words = head.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let options: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
        let option = |name: &str| {
            options
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        if let Some(file) = option("file") {
            steps.push(Step::Save {
                file: file.to_owned(),
                text: format!("{text}\n"),
            });
        } else if kind == "sql" {
            steps.push(Step::Sql(text.to_owned()));
        } else if kind == "sh" {
            let exit = option("exit").map(|code| code.parse().expect("exit=NUMBER"));
            let joined = text.replace("\\\n", " ");
            let lines = joined.lines().map(str::trim);
            steps.extend(
                lines
                    .filter(|line| !line.is_empty() && !line.starts_with('#'))
                    .map(|line| Step::Run {
                        command: line.to_owned(),
                        exit,
                    }),
            );
        }
    }
    steps
}

#[test]
fn blocks_become_steps() {
    let markdown = "\
# Title

```yaml file=a.yaml
name: a
```

```text
not for doing
```

```sh exit=2
# a remark
gauntlet run a \\
    --yes
gauntlet list
```

```sql
SELECT 1
```
";
    let run = |command: &str| Step::Run {
        command: command.to_owned(),
        exit: Some(2),
    };
    assert_eq!(
        steps(markdown),
        [
            Step::Save {
                file: "a.yaml".to_owned(),
                text: "name: a\n".to_owned(),
            },
            run("gauntlet run a      --yes"),
            run("gauntlet list"),
            Step::Sql("SELECT 1".to_owned()),
        ]
    );
}
