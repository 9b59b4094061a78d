// The scenes of a session, in the order of a first lesson. Each shows one thing.
//
// `stage`: which requests are drawn ("mine", "all"), or none. `experiments`: which large buttons are shown below. `page`: the page
// that is shown instead. A new scene is one more entry; the number keys follow.

export const SCENES = [
  {
    title: "Follow one search",
    say: "The front end sends it to one replica of each shard and joins their answers. Search for something.",
    stage: "mine",
    experiments: [],
  },
  {
    title: "Many at once",
    say: "Every dot is a real request. The numbers count all of them, also those that are not drawn.",
    stage: "all",
    experiments: [],
  },
  {
    title: "An instance dies",
    say: "Its program ends without warning. Watch which instance answers in its place.",
    stage: "all",
    experiments: ["kill"],
  },
  {
    title: "A noisy neighbor",
    say: "One instance uses all the CPU it can get. Do the others stay fast?",
    stage: "all",
    experiments: ["noisy_neighbor"],
  },
  {
    title: "What a host has to give",
    say: "What is reserved is gone, used or not.",
    page: "hosts",
  },
  {
    title: "What users felt",
    say: "Look at the slow answers, not the average. Each mark is something that happened to an instance.",
    page: "load",
  },
];
