// Types of what the console sends (client/console/serialize.py, serialize_load.py), for the checks in `make check`.

type Figure = number | null | undefined;

interface Action {
  name: string;
  label: string;
  description: string;
  /** The question to ask first; empty for none. */
  confirm: string;
  kind: "lifecycle" | "experiment" | "fault";
  parameters: Parameter[];
}

/** A number that can be set for an action. */
interface Parameter {
  name: string;
  label: string;
  default: number;
  least: number;
  most: number;
  unit: string;
  whole: boolean;
}

interface Session {
  /** null until it is known. */
  can_act: boolean | null;
  /** Why the token in the address was refused; empty if it was not. */
  refused?: string;
}

interface Limits {
  cpu_guaranteed_cores: number;
  cpu_quota_cores: number;
  memory_mib: number;
  pids: number;
  disk_gib: number;
  network_mbps: number;
}

interface Instance {
  id: string;
  short: string;
  state: string;
  type: string;
  host: string;
  /** The driver of its host. */
  driver: string;
  zone: string;
  image: string;
  launched_at: number;
  changed_at: number | null;
  address: string | null;
  port: number | null;
  web_port: number | null;
  tags: Record<string, string>;
  fleet: string | null;
  reason: { code: string; message: string } | null;
  impaired: string;
  limits: Limits | null;
  shard: number | null;
  faults: ActiveFault[];
  death: { at: number; how: string } | null;
  /** Why each action that is not possible now is disabled, by the action's name. */
  disabled: Record<string, string>;
}

interface ActiveFault {
  id: string;
  label: string;
  at: number;
  until: number | null;
}

interface Host {
  id: string;
  driver: string;
  zone: string;
  cpu_cores: number;
  memory_mib: number;
  cpu_used: number;
  memory_used_mib: number;
  enforced: boolean;
  why: string;
  cpus: number[];
  shared: boolean;
}

interface InstanceSecond {
  req_s?: Figure;
  p99_ms?: Figure;
  cpu?: Figure;
  memory_mib?: Figure;
  pids?: Figure;
  throttled?: Figure;
  [name: string]: Figure | boolean;
}

interface Second {
  id: number;
  req_s: Figure;
  failed_s: Figure;
  in_flight: Figure;
  p50_ms: Figure;
  p99_ms: Figure;
  instances: Record<string, InstanceSecond>;
}

interface Attempt {
  instance_id: string;
  host: string;
  shard: number;
  start_ms: number;
  dur_ms: number;
  search_ms: number | null;
  hedge: boolean;
  retry: boolean;
  outcome: string;
}

interface RequestTimeline {
  status: number;
  partial: boolean;
  total_ms: number;
  frontend_ms: number;
  attempts: Attempt[];
}

interface RequestRow extends RequestTimeline {
  id: string;
  at: number;
  source: string;
  query: string;
  agent: string;
  /** Of the audience's requests. */
  name?: string;
  colour?: number;
  /** Whether this page, or this phone, sent it. */
  mine?: boolean;
  headers: [string, string][];
}

interface LogRow {
  id: string;
  at: number;
  text: string;
  kind: string;
  by: string;
  outcome: string;
  tone: string;
  instances: string[];
}

interface IsolationRow {
  name: string;
  enforced: boolean;
  why: string;
}

interface Cloud {
  name: string;
  region: string;
  driver: string;
  stands_for: string;
  one: string;
  isolation: IsolationRow[];
  /** What differs between the drivers, by name. */
  drivers: Record<string, { one: string; isolation: IsolationRow[] }>;
  notes: string[];
  overcommit: number;
  why: string;
}

interface Hit {
  title: string;
  url: string;
  /** Pieces of text, each with whether it matches the query. */
  snippet: [string, boolean][];
}

interface SearchResultRow {
  id: string;
  query: string;
  total: number;
  hits: Hit[];
}

interface Share {
  url: string;
  qr: string;
  reached: number;
  connected: number;
  participants: Participant[];
}

interface Participant {
  name: string;
  colour: number;
}

interface NetworkOffer {
  address: string;
  label: string;
  public: boolean;
}

/** The state of a running load, or the last run. See docs/load.md for its figures. */
type LoadRow = any;

/** A kind of experiment. */
interface Experiment {
  name: string;
  title: string;
  button: string;
  ends_instance: boolean;
}

/** A figure that an experiment measured; null where it was not measured. */
interface ResultRow {
  label: string;
  unit: "s" | "ms" | "cores" | "";
  before: number | null;
  during: number | null;
  after: number | null;
  bad: boolean;
}

/** A step of an experiment, or its result (client/experiments/results.py). */
interface ExperimentStep {
  id: number;
  experiment: string;
  title: string;
  instance_id: string;
  short: string;
  running: boolean;
  sentence: string;
  account?: string;
  held: boolean | null;
  rows?: ResultRow[];
}

interface Column {
  began_s: number;
  seconds: number;
  offered: number;
  ok: number;
  failed: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  p99_wide: number | null;
  max: number | null;
  bands: number[];
  [name: string]: number | number[] | null;
}

interface Mark {
  at_s: number;
  text: string;
  minor: boolean;
}

interface Timeline {
  number: number;
  began: number;
  elapsed_s: number;
  over: boolean;
  timeout_s: number;
  whole: boolean;
  column_s: number;
  window_s: number;
  wide_s: number;
  bands_ms: number[];
  marks: Mark[];
  columns: Column[];
}

interface Room {
  host: string;
  fits: number;
  why: string;
}

interface CatalogueType {
  name: string;
  price_usd_hour: number;
  limits: Limits;
  rooms: Room[];
}

interface Offers {
  as_of: string;
  region: string;
  types: CatalogueType[];
}

/** What the console sends. */
interface Sections {
  now: number;
  cloud: Cloud | null;
  hosts: Host[];
  instances: Map<string, Instance>;
  actions: Action[];
  seconds: Map<number, Second>;
  requests: Map<string, RequestRow>;
  counters: any;
  log: Map<string, LogRow>;
  load: LoadRow;
  experiment: ExperimentStep | null;
  verdict: ExperimentStep | null;
  experiments: Experiment[];
  reachable: { platform: boolean; service: boolean };
  share: Share | null;
  links: { search: string; api: string };
  /** Of the audience's page: who its reader is. */
  you: Participant;
}

/** What the person on this page has chosen, and what the page is doing. */
interface PageState {
  ready: boolean;
  disconnected: boolean;
  session: Session;
  route: string;
  theme: "auto" | "dark" | "light";
  tipsHidden: boolean;
  slower: number;
  paused: boolean;
  /** Whether the system asks for reduced motion. */
  reducedMotion: boolean;
  presenting: boolean;
  scene: number;
  /** Whether presenter mode shows the invitation of the audience. */
  inviting?: boolean;
  /** The id of the last result before presenting started, which scenes do not show. */
  earlierResult?: number;
  searchResult?: SearchResultRow | null;
  frozenAt?: number | null;
}

type State = Sections & PageState;
