/* The model behind `harmonia plan`, against sums made by hand. */
#include "dist/foretell/forecast.h"

#include <math.h>

#include "tests/tap.h"

enum { MEGA = 1 << 20 };

static const forecast_cluster one = {.nodes = 1,
                                     .ranks_per_node = 1,
                                     .bandwidth = 1e8,
                                     .latency = 0,
                                     .overlap = true,
                                     .message = 0,
                                     .memory = 1e18};

/* 8 M gradients, all final at `seconds` of the micro-batch's 1 s. */
static forecast_phase phase_final_at(double seconds, forecast_point *point) {
  *point = (forecast_point){seconds, 8 * MEGA};
  return (forecast_phase){.seconds = 1,
                          .learned = 8 * MEGA,
                          .count = 8 * MEGA,
                          .results = point,
                          .result_count = 1};
}

static bool near(double a, double b) {
  return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

static void test_alone(void) {
  forecast_point point;
  forecast_phase phase = phase_final_at(1, &point);
  forecast_step s = forecast(&one, &phase, 1, 4);
  tap_ok(near(s.computing, 4) && s.waiting == 0 && s.sent == 0,
         "one node computes its micro-batches and sends nothing");
  forecast_phase two[2] = {phase, phase};
  tap_ok(near(forecast(&one, two, 2, 4).step, 2 * s.step),
         "phases follow each other");
  forecast_cluster slow = one;
  slow.memory = 1e9;
  s = forecast(&slow, &phase, 1, 2); /* two are merged, then checked */
  tap_ok(near(s.summing, 8.0 * MEGA * 4 * (3 + 2) / 1e9) &&
             near(s.updating, 8.0 * MEGA * 28 / 1e9),
         "sums and Adam cost what they read and write");
  s = forecast(&slow, &phase, 1, 1);
  tap_ok(s.summing == 0 && near(s.updating, 8.0 * MEGA * 28 / 1e9),
         "one micro-batch is not summed");
}

static void test_link(void) {
  forecast_point point;
  forecast_phase late = phase_final_at(1, &point);
  forecast_cluster c = one;
  c.nodes = 2;
  double bytes = 8.0 * MEGA * 4 / 2; /* each way, of the sums and the values */
  forecast_step s = forecast(&c, &late, 1, 2);
  tap_ok(near(s.sent, 2 * bytes), "two nodes send a half and a half");
  tap_ok(near(s.waiting, 2 * bytes / c.bandwidth),
         "what is final at the end hides behind nothing");
  forecast_phase early = phase_final_at(0.25, &point);
  s = forecast(&c, &early, 1, 2);
  tap_ok(near(s.waiting, bytes / c.bandwidth),
         "what is final early hides behind the rest of the pass");
  early.results = &(forecast_point){0.9, 8 * MEGA};
  s = forecast(&c, &early, 1, 2);
  tap_ok(near(s.waiting, 2 * bytes / c.bandwidth - 0.1),
         "or a part of it, if the rest is short");
  c.overlap = false;
  tap_ok(near(forecast(&c, &early, 1, 2).waiting, 2 * bytes / c.bandwidth),
         "nothing hides without overlap");
  c.overlap = true;
  c.rounded = true;
  tap_ok(near(forecast(&c, &late, 1, 2).sent, 1.5 * bytes),
         "bfloat16 halves the gradients, not the values");
  c.rounded = false;
  c.nodes = 4;
  tap_ok(near(forecast(&c, &late, 1, 4).sent, 2 * 8.0 * MEGA * 4 * 3 / 4),
         "four nodes send three quarters of each");
  c.nodes = 2;
  c.latency = 0.01;
  late = phase_final_at(1, &point);
  tap_ok(near(forecast(&c, &late, 1, 2).waiting,
              2 * bytes / c.bandwidth + 3 * 0.01),
         "latency counts for sums, agreement and values");
}

/* Micro-batches that do not fill a node of the tree are sent as several sums.
 */
static void test_uneven(void) {
  forecast_point point;
  forecast_phase late = phase_final_at(1, &point);
  forecast_cluster c = one;
  c.nodes = 2;
  double bytes = 8.0 * MEGA * 4 / 2;
  forecast_step s = forecast(&c, &late, 1, 6); /* 0-2 and 3-5 of 0-3 and 4-5 */
  tap_ok(near(s.computing, 3) && near(s.sent, 2 * bytes + bytes),
         "two sums a node where the tree is cut between nodes");
}

int main(void) {
  test_alone();
  test_link();
  test_uneven();
  return tap_done();
}
