use super::*;

/// Applies a rule to one file per case and compares the lines that break it.
fn check(rule: fn(&TextFile) -> Vec<Violation>, cases: &[(&str, &str, &[usize])]) {
    for (path, text, expected) in cases {
        let file = TextFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        let lines: Vec<usize> = rule(&file).iter().map(|violation| violation.line).collect();
        assert_eq!(lines, *expected, "{path}:\n{text}");
    }
}

#[test]
fn a_violation_names_file_line_and_remedy() {
    let file = TextFile {
        path: "a/b.rs".to_owned(),
        text: "fn a() {\n    dbg!(1);\n}\n".to_owned(),
    };
    let said: Vec<String> = unfinished_code(&file)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        ["a/b.rs:2: finish the code: no dbg!, todo! or unimplemented!"]
    );
}

#[test]
fn module_files_are_named_after_the_module() {
    let cases: &[(&str, &str, &[usize])] = &[
        ("crates/a/src/b/mod.rs", "", &[1]),
        ("crates/a/src/b.rs", "", &[]),
        ("crates/a/src/mod.rs", "", &[1]),
        ("crates/a/tests/common/mod.rs", "", &[]),
        ("crates/a/src/old_mod.rs", "", &[]),
    ];
    check(module_files, cases);
}

#[test]
fn tests_are_not_ignored() {
    let cases: &[(&str, &str, &[usize])] = &[
        ("a.rs", "#[test]\n#[ignore]\nfn a() {}", &[2]),
        ("a.rs", "    #[ignore = \"slow\"]", &[1]),
        ("a.rs", "// never #[ignore]", &[]),
        ("a.md", "#[ignore]", &[]),
        (
            "a.test.ts",
            "it.only('a', b);\n  describe.skip('a', b);\nunit.skip(a);\ntest('a', b);",
            &[1, 2],
        ),
        (
            "a_test.go",
            "\tt.Skip()\n\tt.Skipf(a)\n\tat.Skip()",
            &[1, 2],
        ),
        (
            "test_a.py",
            "@pytest.mark.skip\n@pytest.mark.xfail(a)\n@pytest.mark.skipif(a)",
            &[1, 2],
        ),
    ];
    check(ignored_tests, cases);
}

#[test]
fn no_notes_of_work_left() {
    let cases: &[(&str, &str, &[usize])] = &[
        ("a.rs", "// TODO: later\nlet a = 1; // FIXME", &[1, 2]),
        ("a.sql", "-- todo list\nSELECT 1", &[]),
        ("a.md", "a TODO\nMETODOS\nTODOS", &[1]),
        ("tests/src/tidy.rs", "TODO", &[]),
    ];
    check(notes_of_work_left, cases);
}

#[test]
fn tests_do_not_sleep() {
    let sleep = "#[cfg(test)]\nmod tests {\n    use tokio::time::sleep;\n    // allow-sleep: the server has no signal\n    std::thread::sleep(a);\n    std::thread::sleep(b); // allow-sleep: as above\n    tokio::time::sleep(c).await;\n}\n";
    let cases: &[(&str, &str, &[usize])] = &[
        ("crates/a/src/a.rs", sleep, &[3, 7]),
        ("crates/a/src/a.rs", "tokio::time::sleep(a).await;", &[]),
        ("crates/a/tests/a.rs", "tokio::time::sleep(a).await;", &[1]),
        (
            "crates/a/tests/a.rs",
            "// no thread::sleep\nadvance(a).await;",
            &[],
        ),
        ("crates/a/tests/a.sh", "thread::sleep", &[]),
    ];
    check(sleeping_tests, cases);
}

#[test]
fn no_paths_of_one_machine() {
    let cases: &[(&str, &str, &[usize])] = &[
        (
            "a.md",
            "see /work/main\n(/root/x) or `/home/me`\nFROM=/Users/me",
            &[1, 2, 3],
        ),
        (
            "a.md",
            "https://example.com/home/page\n../work/it\nfoo/root/x\n$DIR/work/x\n${DIR}/work/x",
            &[],
        ),
        ("a.md", "/homeless\n/workspace", &[]),
        ("tests/src/tidy/tests.rs", "/root/", &[]),
    ];
    check(machine_paths, cases);
}

#[test]
fn files_have_a_limit() {
    let (limit, above) = ("\n".repeat(700), "\n".repeat(701));
    let cases: &[(&str, &str, &[usize])] = &[
        ("a.rs", &limit, &[]),
        ("a.rs", &above, &[701]),
        ("a.md", &above, &[]),
        ("clients/a/src/a.svelte", &above, &[701]),
        ("clients/a/src/gen/a.ts", &above, &[]),
        ("scripts/gen/a.sh", &above, &[701]),
    ];
    check(long_files, cases);
}

#[test]
fn scripts_have_types() {
    let cases: &[(&str, &str, &[usize])] = &[
        (
            "a.ts",
            "let a: any = 1;\nb as any;\nf<any>();\nlet c: any[];\nMap<string, any>\n// @ts-ignore\n(a: any): void",
            &[1, 2, 3, 4, 5, 6, 7],
        ),
        (
            "a.svelte",
            "sql: 'SQL: any statement'\nlet a: anything;\n// as any other\nlet b: unknown;",
            &[],
        ),
        ("clients/a/src/gen/a.ts", "let a: any;", &[]),
        ("a.py", "a: any = 1", &[]),
    ];
    check(untyped_script, cases);
}

#[test]
fn crates_take_the_lints_of_the_workspace() {
    let cases: &[(&str, &str, &[usize])] = &[
        (
            "crates/a/Cargo.toml",
            "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n",
            &[],
        ),
        ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n", &[1]),
        (
            "crates/a/Cargo.toml",
            "[package]\n[lints]\n[dependencies]\nworkspace = true\n",
            &[1],
        ),
        (
            "crates/a/Cargo.toml",
            "[package]\n[lints.clippy]\npedantic = \"allow\"\n",
            &[1],
        ),
        ("Cargo.toml", "[workspace]\n", &[]),
        ("a.toml", "[package]\n", &[]),
    ];
    check(workspace_lints, cases);
}

#[test]
fn code_is_finished() {
    let cases: &[(&str, &str, &[usize])] = &[
        (
            "a.rs",
            "todo!()\nunimplemented!(\"a\")\nlet a = dbg!(1);",
            &[1, 2, 3],
        ),
        ("a.rs", "// dbg! is refused\nmy_todo!()", &[]),
        ("a.md", "todo!()", &[]),
        ("a.ts", "  debugger;\n'debugger;'\ntodo!()", &[1]),
        ("a.py", "breakpoint()", &[1]),
    ];
    check(unfinished_code, cases);
}

#[test]
fn sql_stays_in_files() {
    let cases: &[(&str, &str, &[usize])] = &[
        (
            "crates/store-sql/src/runs.rs",
            "query(\"SELECT 1\")\nlet a = r#\"\n  INSERT INTO runs\n\"#;",
            &[1, 3],
        ),
        (
            "crates/store-sql/src/runs.rs",
            "include_str!(\"select.sql\")\n\"BEGIN IMMEDIATE\"\n\"cannot UPDATE \"",
            &[],
        ),
        (
            "crates/store-sql/src/runs.rs",
            "// \"SELECT 1\"\nf(\"a\", SELECT )",
            &[],
        ),
        ("crates/store-sql/tests/runs.rs", "query(\"SELECT 1\")", &[]),
        ("crates/targets/src/a.rs", "query(\"SELECT 1\")", &[]),
    ];
    check(embedded_sql, cases);
}

#[test]
fn queues_have_a_bound() {
    let cases: &[(&str, &str, &[usize])] = &[
        (
            "crates/a/src/a.rs",
            "let a = mpsc::unbounded_channel();\nlet b = mpsc::channel(4);\nlet c = mpsc::channel();",
            &[1, 3],
        ),
        ("crates/a/tests/a.rs", "mpsc::unbounded_channel()", &[]),
        (
            "crates/a/src/a.rs",
            "#[cfg(test)]\nmod tests {\n    unbounded_channel();\n}",
            &[],
        ),
    ];
    check(unbounded_queues, cases);
}

#[test]
fn pinned_packages_name_no_registry() {
    let cases: &[(&str, &str, &[usize])] = &[
        (
            "package-lock.json",
            "{\n  \"resolved\": \"https://registry.example/a.tgz\"\n}",
            &[2],
        ),
        (
            "clients/typescript/package-lock.json",
            "{\n  \"integrity\": \"sha512-a\"\n}",
            &[],
        ),
        (
            "package-lock.json",
            "{\n  \"resolved\": \"clients/typescript\",\n  \"link\": true\n}",
            &[],
        ),
        ("a.json", "\"resolved\": \"https://a\"", &[]),
        (
            "a/requirements.txt",
            "# pinned\na==1\n--index-url b\nc @ https://c",
            &[3, 4],
        ),
    ];
    check(package_addresses, cases);
}
