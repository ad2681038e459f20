//! Calling send as the documentation shows it: their programs are run as they stand
//! there. Those in other languages need what `make interop` brings along.

use crate::world::World;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};

const PAGES: [&str; 2] =
    [include_str!("../../docs/sending.md"), include_str!("../../docs/sending.zh-CN.md")];
const HEADINGS: [&str; 2] = ["\n## Calling it\n", "\n## 怎样调用\n"];

/// The program in the documentation, to the letter.
const ORDER_SHIPPED: &str = include_str!("calling/order_shipped.rs");

/// The programs that a page shows, by the language: for each, those in the order
/// in which they stand there.
fn programs(at: usize) -> BTreeMap<&'static str, Vec<&'static str>> {
    let (_, section) = PAGES[at].split_once(HEADINGS[at]).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut programs = BTreeMap::<_, Vec<_>>::new();
    for block in section.split("```").skip(1).step_by(2) {
        let (language, program) = block.split_once('\n').unwrap();
        programs.entry(language).or_default().push(program);
    }
    programs
}

fn program(language: &str, place: usize) -> &'static str {
    programs(0)[language][place]
}

#[test]
fn documents_show_the_tested_programs() {
    let programs = [programs(0), programs(1)];
    assert_eq!(programs[0], programs[1]);
    assert_eq!(programs[0]["rust"], [ORDER_SHIPPED]);
    let others: Vec<_> = programs[0].iter().map(|(name, of)| (*name, of.len())).collect();
    assert_eq!(others, [("javascript", 1), ("python", 2), ("rust", 1), ("sh", 2)]);
}

mod rust {
    use super::World;
    use aws_credential_types::Credentials;
    use aws_sdk_lambda::config::{BehaviorVersion, Config, Region};
    use shared::http::HttpClient;

    include!("calling/order_shipped.rs");

    #[tokio::test]
    async fn program_reads_the_outcome_or_the_error() {
        let (world, _) = World::with_ann().await;
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("any", "any", None, None, "test"))
            .endpoint_url(format!("http://{}", world.cloud.aws()))
            .http_client(HttpClient::new());
        let lambda = Client::from_conf(config.build());

        assert_eq!(order_shipped(&lambda, "order-17-shipped").await.unwrap(), "sent");
        assert_eq!(world.phone("ann").screen().await.len(), 1);
        let error = order_shipped(&lambda, "order 17").await.unwrap_err().to_string();
        assert!(error.contains("InvalidRequest") && error.contains("id: an id has"), "{error}");

        world.phone("ann").unfollow("shop").await;
        let error = order_shipped(&lambda, "order-18-shipped").await.unwrap_err().to_string();
        assert!(error.contains("has not consented"), "{error}");
    }
}

/// What the programs in other languages find on the machine.
struct Machine<'w> {
    world: &'w World,
    /// What `make interop` has brought along.
    peers: PathBuf,
    folder: tempfile::TempDir,
}

impl<'w> Machine<'w> {
    fn new(world: &'w World) -> Self {
        let peers = std::env::var_os("PEERS");
        let peers = PathBuf::from(peers.expect("run `make interop`, which names the folder PEERS"));
        let folder = tempfile::tempdir().unwrap();
        // Node looks for packages beside the program.
        symlink(peers.join("node/node_modules"), folder.path().join("node_modules")).unwrap();
        Self { world, peers, folder }
    }

    /// Runs a program, in the environment that the page names.
    async fn run(&self, command: &[&str], text: &str) -> Output {
        let file = self.folder.path().join(command.last().unwrap());
        std::fs::write(&file, text).unwrap();
        let mut run = Command::new(command[0]);
        run.args(&command[1..]).current_dir(self.folder.path());
        let (_, exports) = program("sh", 0).split_once("export ").unwrap();
        let here = format!("http://{}", self.world.cloud.aws());
        for variable in exports.split_whitespace().filter(|word| *word != "\\") {
            let (name, value) = variable.split_once('=').unwrap();
            run.env(name, value.replace("http://127.0.0.1:4566", &here));
        }
        // Python and the AWS CLI are those that `make interop` has brought along.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.peers.join("python/bin"));
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
        run.env("PATH", path);
        let output = tokio::task::spawn_blocking(move || run.output()).await.unwrap();
        self.world.idle().await;
        output.unwrap_or_else(|error| panic!("{command:?} can't be run: {error}"))
    }
}

fn output_text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A program that invokes prints the outcome, and ends with an error if the
/// function does.
async fn invokes(command: &[&str], text: &str) {
    let (world, _) = World::with_ann().await;
    let machine = Machine::new(&world);
    let output = machine.run(command, text).await;
    let told = output_text(&output);
    assert!(output.status.success() && told.contains("sent"), "{told}");
    assert_eq!(world.phone("ann").screen().await.len(), 1);

    let wrong = text.replace("\"order_shipped\"", "\"no_such\"");
    assert_ne!(wrong, text);
    let output = machine.run(command, &wrong).await;
    let told = output_text(&output);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("InvalidRequest") && told.contains("no template no_such"), "{told}");
}

#[tokio::test]
#[ignore = "it needs boto3; `make interop` runs it"]
async fn python_program_invokes_send() {
    invokes(&["python3", "shipped.py"], program("python", 0)).await;
}

#[tokio::test]
#[ignore = "it needs @aws-sdk/client-lambda; `make interop` runs it"]
async fn node_program_invokes_send() {
    invokes(&["node", "shipped.mjs"], program("javascript", 0)).await;
}

#[tokio::test]
#[ignore = "it needs the AWS CLI; `make interop` runs it"]
async fn aws_cli_invokes_send() {
    invokes(&["sh", "shipped.sh"], program("sh", 1)).await;
}

#[tokio::test]
#[ignore = "it needs boto3 and @aws-sdk/client-lambda; `make interop` runs it"]
async fn gallery_programs_invoke_send() {
    for command in [["python3", "shipped.py"], ["node", "shipped.mjs"]] {
        invokes(&command, &World::example(&format!("orders/{}", command[1]))).await;
    }
}

#[tokio::test]
#[ignore = "it needs boto3; `make interop` runs it"]
async fn python_program_uses_the_queue() {
    let (world, _) = World::with_ann().await;
    let machine = Machine::new(&world);
    let output = machine.run(&["python3", "queued.py"], program("python", 1)).await;
    assert!(output.status.success(), "{}", output_text(&output));
    assert_eq!(world.phone("ann").screen().await.len(), 1);
    assert_eq!(world.cloud.aws.queues.length("hongyan-local-notifications"), Some(0));
}
