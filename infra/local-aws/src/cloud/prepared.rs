//! A stack that is set up and not yet running.

use std::{collections::BTreeMap, net::SocketAddr, net::TcpListener, path::Path, sync::Arc};

use resettable_server::Callers;
use tokio::task::JoinSet;

use super::{Cloud, Endpoints, Error, Options, STAGE, extra_stacks};
use crate::{
    eventbridge::rules,
    gateway,
    http::HttpClient,
    observer::TrafficObserver,
    route::Route,
    runtime::{self, Runtime},
    schedule, services,
    services::{Aws, lambda::Invoke},
    sqs_mapping::SqsMapping,
    stream::{Reader, Stream},
    template::{Cors, DeploymentTarget, Template},
};

/// A stack whose template is read and whose tables, queues and parameters exist, while
/// no function and no event source runs yet.
pub struct Prepared {
    /// The services, to be filled before functions see them.
    pub aws: Aws,
    options: Options,
    endpoints: Endpoints,
    target: DeploymentTarget,
    template: Template,
    /// The HTTP APIs of the extra stacks.
    apis: Vec<ExtraApi>,
}

struct ExtraApi {
    stack: String,
    listener: TcpListener,
    address: SocketAddr,
    routes: Vec<Route>,
    cors: Option<Cors>,
}

impl Prepared {
    /// Reads the templates and creates their tables, queues and parameters.
    pub fn new(options: Options, endpoints: Endpoints) -> Result<Self, Error> {
        let stack = options
            .stack
            .clone()
            .unwrap_or_else(|| format!("{}-{STAGE}", extra_stacks::stack_name(&options.template)));
        let target = DeploymentTarget {
            stack,
            region: services::REGION.to_owned(),
            account: services::ACCOUNT.to_owned(),
            api_id: STAGE.to_owned(),
            http: endpoints.http_url(),
            aws: endpoints.aws_url(),
        };
        let parameters = extra_stacks::parameters(&options)?;
        let defaults = &options.parameter_defaults;
        let mut template = Template::read(&options.template, &target, defaults, &parameters[0])?;
        let mut apis = Vec::new();
        for (path, own) in options.extra_stacks.iter().zip(&parameters[1..]) {
            let mut extra = extra_stacks::read(path, apis.len(), &options, &target, own)?;
            if let Some((listener, address)) = extra.api {
                let routes = std::mem::take(&mut extra.template.routes);
                let cors = extra.template.cors.take();
                apis.push(ExtraApi { stack: extra.stack, listener, address, routes, cors });
            }
            extra_stacks::merge(&mut template, path, extra.template)?;
        }
        check_binaries(&template, &options.binaries)?;

        let aws = Aws::open(options.data.as_deref())?;
        for table in &template.tables {
            aws.dynamodb.create_table(table)?;
            aws.permissions.know_table(table);
        }
        for function in &template.functions {
            aws.permissions.grant(&function.name, &function.role, function.policy.clone());
        }
        if let Some(file) = &options.uses {
            aws.permissions.write_uses(file).map_err(services::Error::file("open", file))?;
        }
        for queue in &template.queues {
            aws.queues.create(&queue.name, &queue.attributes)?;
        }
        for parameter in &template.parameters {
            aws.parameters.put(&parameter.name, parameter.kind, &parameter.value)?;
        }
        Ok(Self { aws, options, endpoints, target, template, apis })
    }

    /// What the templates say, all stacks together; routes are the first stack's.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Adds an observer of invocations and calls.
    pub fn observe(&mut self, observer: TrafficObserver) {
        self.options.observers.push(observer);
    }

    /// Starts the functions and what feeds them; when this returns, every address answers.
    /// If it fails, nothing is left running.
    pub async fn start(self) -> Result<Cloud, Error> {
        let Self { mut aws, options, endpoints, target, template, apis } = self;
        let data = options.data.as_deref();
        aws.observers = options.observers.clone().into();
        let runner = |doing| move |source| Error::Runner { doing, source };
        let runtime = Runtime::start(
            &template.functions,
            runtime::Options {
                binaries: options.binaries.clone(),
                aws: target.aws.clone(),
                region: target.region.clone(),
                environments: options.environments,
                timeout_grace: options.timeout_grace,
                idle: options.idle,
                logs: options.logs.clone(),
                json_logs: options.json_logs,
                environment: options.environment.clone(),
                traces: options.traces,
                observers: aws.observers.clone(),
            },
        )
        .await
        .map_err(runner("serve the Lambda Runtime API"))?;
        let functions: Arc<dyn Invoke> = Arc::new(runtime.clone());
        let (aws_listener, aws_address) = endpoints.aws;
        let callers = Callers::by_names(&options.host_names);
        let server = aws.serve(aws_listener, callers.clone(), functions.clone()).await?;
        let serve = |listener, mut routes: Vec<Route>, cors, api_id: &str| {
            routes.iter_mut().for_each(|route| route.timeout += options.timeout_grace);
            let (functions, observers) = (functions.clone(), aws.observers.clone());
            let api = [target.account.clone(), api_id.to_owned()];
            gateway::serve(listener, callers.clone(), routes, cors, functions, observers, api)
                .map_err(runner("serve the HTTP API"))
        };
        let (http_listener, http_address) = endpoints.http;
        let mut gateways =
            vec![serve(http_listener, template.routes, template.cors, &target.api_id)?];
        let mut api_addresses = Vec::new();
        for api in apis {
            gateways.push(serve(api.listener, api.routes, api.cors, &api.stack)?);
            api_addresses.push((api.stack, api.address));
        }

        let mut tasks = JoinSet::new();
        let mut streams = Vec::new();
        let handles = || (aws.clone(), functions.clone(), options.logs.clone());
        let mappings = template.streams.into_iter().map(Reader::Function);
        for reader in mappings.chain(template.pipes.into_iter().map(Reader::Pipe)) {
            let (aws, functions, logs) = handles();
            streams.push(Arc::new(Stream::open(reader, aws, functions, logs, data)?));
        }
        for stream in &streams {
            tasks.spawn(stream.clone().keep());
        }
        let mut feeds = Vec::new();
        for mapping in template.queue_mappings {
            let (aws, functions, logs) = handles();
            let feed = Arc::new(SqsMapping::new(mapping, aws.queues, functions, logs));
            tasks.spawn(feed.clone().keep());
            feeds.push(feed);
        }
        let invocations = aws.asynchronous(functions.clone());
        let arrivals = aws.buses.follow();
        tasks.spawn(rules::keep(template.rules, aws.buses.clone(), arrivals, invocations));
        for schedule in template.schedules {
            tasks.spawn(schedule::start(schedule, aws.asynchronous(functions.clone())));
        }
        let names = template.functions.into_iter().map(|it| (it.binary, it.name));
        Ok(Cloud {
            alarms: template.alarms,
            client: HttpClient::new(target.aws.clone())?,
            aws,
            target,
            runtime,
            functions: names.collect::<BTreeMap<_, _>>(),
            streams,
            feeds,
            apis: api_addresses,
            http_address,
            aws_address,
            tasks,
            servers: Some((gateways, server)),
        })
    }
}

fn check_binaries(template: &Template, binaries: &Path) -> Result<(), Error> {
    for function in &template.functions {
        let path = function.folder.as_deref().unwrap_or(binaries).join(&function.binary);
        if !path.is_file() {
            return Err(Error::Binary { function: function.logical_id.clone(), path });
        }
    }
    Ok(())
}
