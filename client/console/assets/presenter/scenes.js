// @ts-check
// The scenes of presenter mode, in the order of a first lesson. Each shows one thing.

/**
 * `stage`: which requests are drawn, "mine" or "all"; none without it. `experiments`: which buttons are shown. `page`:
 * the page that is shown instead. The number keys follow this list.
 * @type {{ title: string, text: string, stage?: string, experiments?: string[], page?: string }[]}
 */
export const SCENES = [
  {
    title: "Follow one search",
    text: "The front end sends it to one replica of each shard and merges their responses. Search for something.",
    stage: "mine",
  },
  {
    title: "Many at once",
    text: "Every dot is a real request. The numbers count all of them, also those that are not drawn.",
    stage: "all",
  },
  {
    title: "An instance dies",
    text: "Its program ends without warning. Watch which instance answers in its place.",
    stage: "all",
    experiments: ["kill"],
  },
  {
    title: "A noisy neighbor",
    text: "One instance uses all the CPU it can get. Do the others stay fast?",
    stage: "all",
    experiments: ["noisy_neighbor"],
  },
  {
    title: "The capacity of a host",
    text: "Allocated capacity is not available to others, even if it is unused.",
    page: "hosts",
  },
  {
    title: "What users felt",
    text: "Look at the slow responses, not the average. Each mark is something that happened to an instance.",
    page: "load",
  },
];
