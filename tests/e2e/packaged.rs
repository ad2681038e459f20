//! What `make build` has made: the programs out of the zips, under the Runtime API.

use crate::world::{World, order};
use serde_json::json;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where `make build` puts the zips.
const ZIPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/lambda");

/// A folder with the programs that the zips hold, called as the local stack calls
/// them. Those for another machine are run by qemu.
fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let built_for = fs::read_to_string(Path::new(ZIPS).join("architecture"))
        .expect("the zips aren't there: run `make build`");
    let foreign = built_for.replace("arm64", "aarch64") != std::env::consts::ARCH;
    for entry in fs::read_dir(ZIPS).unwrap() {
        let zip = entry.unwrap().path();
        if !zip.is_dir() {
            continue;
        }
        let name = zip.file_name().unwrap().to_str().unwrap().to_owned();
        let zip = fs::File::open(zip.join("bootstrap.zip")).unwrap();
        let own = folder.path().join(format!("{name}.d"));
        zip::ZipArchive::new(zip).unwrap().extract(&own).unwrap();
        let program = folder.path().join(name);
        if foreign {
            write_wrapper(&program, &own.join("bootstrap"));
        } else {
            fs::rename(own.join("bootstrap"), program).unwrap();
        }
    }
    folder
}

/// A program that runs another one in qemu, which `make interop` brings along.
fn write_wrapper(program: &Path, bootstrap: &Path) {
    let qemu = |path: &str| -> OsString {
        let folder = std::env::var_os("QEMU").expect("run `make interop`, which names QEMU");
        PathBuf::from(folder).join(path).into_os_string()
    };
    let text = format!(
        "#!/bin/sh\nexec '{}' -L '{}' '{}'\n",
        qemu("usr/bin/qemu-aarch64-static").display(),
        qemu("usr/aarch64-linux-gnu").display(),
        bootstrap.display(),
    );
    fs::write(program, text).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
#[ignore = "it needs the zips of `make build`; `make interop` runs it"]
async fn zips_run_the_core_flow() {
    let world = World::from_binaries(unpacked(), &[]).await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let session = ann.log_in("shop-mini").await;
    assert_eq!(session["bound"], "ann");

    let report = world.send(&order("order-17-shipped", json!({ "account": "ann" }))).await;
    assert_eq!((&report["outcome"], &report["channel"]), (&json!("sent"), &json!("template")));
    assert_eq!(ann.screen().await.len(), 1);
    let row = world.aws.row("notifications", "id", "order-17-shipped").await;
    assert_eq!(row["status"], "delivered");
}
