//! Puts the dashboard's files into the binary, as a table for `plane::dashboard`.
//! Without them (`make dashboard` makes them) the table is empty.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sources = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../clients/dashboard");
    let made = sources.join("dist");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // A folder that is not there cannot be watched: it would always seem changed.
    let watched = if made.is_dir() { &made } else { &sources };
    println!("cargo:rerun-if-changed={}", watched.display());

    let mut files = Vec::new();
    if made.join("index.html").is_file() {
        collect(&made, Path::new(""), &mut files)?;
    }
    files.sort();
    // Copies, so that making the dashboard anew disturbs no compiler at work.
    let copies = out.join("dashboard");
    if copies.is_dir() {
        fs::remove_dir_all(&copies)?;
    }
    let mut table = String::from("&[\n");
    for file in &files {
        let copy = copies.join(file);
        fs::create_dir_all(copy.parent().ok_or("a file has a folder")?)?;
        fs::copy(made.join(file), &copy)?;
        if Path::new(file).extension() != Some("gz".as_ref()) {
            table.push_str(&entry(file, &copies, files.contains(&format!("{file}.gz"))));
        }
    }
    table.push_str("]\n");
    fs::write(out.join("dashboard.rs"), table)?;
    Ok(())
}

/// All files below a folder, as paths from the top with slashes.
fn collect(top: &Path, below: &Path, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(top.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(top, &path, files)?;
        } else {
            files.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// A row of the table.
fn entry(file: &str, copies: &Path, is_compressed: bool) -> String {
    let bytes = |name: &str| {
        let path = copies.join(name);
        format!("include_bytes!({:?})", path.display().to_string())
    };
    let gzip = if is_compressed {
        format!("Some({})", bytes(&format!("{file}.gz")))
    } else {
        "None".to_owned()
    };
    format!(
        "    Asset {{ path: {:?}, plain: {}, gzip: {gzip} }},\n",
        format!("/{file}"),
        bytes(file)
    )
}
