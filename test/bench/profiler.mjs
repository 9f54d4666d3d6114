// Preloaded into the process that is profiled (`node --import`): SIGUSR2 starts V8's sampling profiler, a second SIGUSR2
// stops it and writes PROFILE_FILE. So the profile holds the warm state only: neither start-up nor unoptimised code, and
// it does not depend on how, or whether, the process ends.
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector";

const session = new Session();
session.connect();
session.post("Profiler.enable");
// 250 us: 4,000 samples a second, enough for 0.1% in a run of seconds, and too few to slow it noticeably.
session.post("Profiler.setSamplingInterval", { interval: 250 });

let running = false;
process.on("SIGUSR2", () => {
  if (!running) {
    running = true;
    session.post("Profiler.start");
    writeFileSync(`${process.env.PROFILE_FILE}.started`, "");
    return;
  }
  running = false;
  session.post("Profiler.stop", (error, result) => {
    writeFileSync(String(process.env.PROFILE_FILE), JSON.stringify(error ? { error } : result.profile));
    writeFileSync(`${process.env.PROFILE_FILE}.done`, "");
  });
});
