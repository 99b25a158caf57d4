// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.TensorEntry;
import java.lang.foreign.ValueLayout;
import java.util.Map;

/// The whole forward pass over a whole sequence in float64, written from the formulas: no cache, no
/// chunks, positions as they are.
final class ReferenceDecoder {
  private final ModelConfig config;
  private final Map<String, TensorEntry> weights;

  ReferenceDecoder(ModelConfig config, Map<String, TensorEntry> weights) {
    this.config = config;
    this.weights = weights;
  }

  /// [n, V]
  double[][] logits(int[] tokens, long firstPosition) {
    int n = tokens.length;
    double[][] x = new double[n][];
    double[] embedding = values("embed_tokens.weight");
    for (int t = 0; t < n; t++) {
      x[t] =
          java.util.Arrays.copyOfRange(
              embedding, tokens[t] * config.hidden(), (tokens[t] + 1) * config.hidden());
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      String p = "layers." + layer + ".";
      double[][] normal = norm(x, p + "self_attn_layer_norm");
      add(x, mixed(config.mixer(layer), normal, p + "self_attn.", firstPosition));
      double[][] wide = linear(norm(x, p + "final_layer_norm"), p + "ffn.fc1");
      for (double[] row : wide) {
        for (int i = 0; i < row.length; i++) {
          row[i] =
              switch (config.activation()) {
                case GELU -> 0.5 * row[i] * (1 + erf(row[i] / Math.sqrt(2)));
                case RELU -> Math.max(row[i], 0);
                case SWISH -> row[i] / (1 + Math.exp(-row[i]));
              };
        }
      }
      add(x, linear(norm(wide, p + "ffn.ffn_layernorm"), p + "ffn.fc2"));
    }
    return product(
        norm(x, "layer_norm"),
        values(config.tiedOutput() ? "embed_tokens.weight" : "output_projection.weight"));
  }

  /// Each kind of mixer by its formula.
  private double[][] mixed(MixerConfig mixer, double[][] x, String p, long firstPosition) {
    return switch (mixer) {
      case AttentionConfig attention -> {
        double[][] q = rotate(convolved(linear(x, p + "q_proj"), p + "q_conv"), firstPosition, 1);
        scale(mixer, q, firstPosition);
        double[][] k = rotate(convolved(linear(x, p + "k_proj"), p + "k_conv"), firstPosition, -1);
        double[][] v = convolved(linear(x, p + "v_proj"), p + "v_conv");
        yield linear(norm(attend(attention, q, k, v), p + "inner_attn_ln"), p + "out_proj");
      }
    };
  }

  private double[] values(String name) {
    if (!weights.containsKey(name)) {
      throw new AssertionError("the model has no tensor " + name);
    }
    float[] floats = weights.get(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    double[] values = new double[floats.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = floats[i];
    }
    return values;
  }

  private double[][] norm(double[][] x, String name) {
    double[] gain = values(name + ".weight");
    double[] bias = values(name + ".bias");
    double[][] y = new double[x.length][gain.length];
    for (int t = 0; t < x.length; t++) {
      double mean = java.util.Arrays.stream(x[t]).average().orElseThrow();
      double variance =
          java.util.Arrays.stream(x[t]).map(a -> (a - mean) * (a - mean)).average().orElseThrow();
      for (int i = 0; i < gain.length; i++) {
        y[t][i] = (x[t][i] - mean) / Math.sqrt(variance + 1e-5) * gain[i] + bias[i];
      }
    }
    return y;
  }

  private double[][] linear(double[][] x, String name) {
    double[][] y = product(x, values(name + ".weight"));
    double[] bias = values(name + ".bias");
    for (double[] row : y) {
      for (int i = 0; i < row.length; i++) {
        row[i] += bias[i];
      }
    }
    return y;
  }

  /// y_t = sum_j w_j x_(t - K + 1 + j), channel by channel.
  private double[][] convolved(double[][] x, String name) {
    int taps = config.shortConvolution();
    if (taps == 0) {
      return x;
    }
    double[] w = values(name + ".weight");
    double[][] y = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      for (int j = Math.max(0, taps - 1 - t); j < taps; j++) {
        for (int i = 0; i < y[t].length; i++) {
          y[t][i] += w[i * taps + j] * x[t - taps + 1 + j][i];
        }
      }
    }
    return y;
  }

  private static double[][] product(double[][] x, double[] w) {
    int in = x[0].length;
    double[][] y = new double[x.length][w.length / in];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < y[t].length; o++) {
        for (int i = 0; i < in; i++) {
          y[t][o] += x[t][i] * w[o * in + i];
        }
      }
    }
    return y;
  }

  private static void add(double[][] x, double[][] y) {
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < x[t].length; i++) {
        x[t][i] += y[t][i];
      }
    }
  }

  /// Queries of heads without positions, by how many keys they see.
  private void scale(MixerConfig mixer, double[][] q, long first) {
    for (int t = 0; t < q.length && config.nopeScale() != 0; t++) {
      long shown = first + t + 1;
      if (mixer.period().isPresent()) {
        shown = (first + t) % mixer.period().getAsLong() + 1;
      }
      if (mixer.longestSegment().isPresent()) {
        shown = Math.min(shown, mixer.longestSegment().getAsLong());
      }
      for (int i = 0; i < config.nopeHeads() * config.headSize(); i++) {
        q[t][i] *= Math.log(shown + 1) / Math.log(config.nopeScale());
      }
    }
  }

  private double[][] rotate(double[][] x, long first, int sign) {
    if (config.positions() == PositionEncoding.NONE) {
      return x;
    }
    int d = config.headSize();
    long turned = Math.round(config.positionsShare() * d);
    for (int t = 0; t < x.length; t++) {
      for (int at = 0; at < x[t].length; at += 2) {
        int i = at % d / 2;
        if (2 * i >= turned || at / d < config.nopeHeads()) {
          continue;
        }
        double angle = (first + t) * Math.pow(config.positionsBase(), -2.0 * i / turned);
        double zeta = (2 * i + 0.4 * turned) / (1.4 * turned);
        double decay =
            config.positions() == PositionEncoding.XPOS
                ? Math.pow(zeta, (double) sign * t / config.xposScaleBase())
                : 1;
        double even = x[t][at];
        double odd = x[t][at + 1];
        x[t][at] = decay * (even * Math.cos(angle) - odd * Math.sin(angle));
        x[t][at + 1] = decay * (odd * Math.cos(angle) + even * Math.sin(angle));
      }
    }
    return x;
  }

  private double[][] attend(AttentionConfig attention, double[][] q, double[][] k, double[][] v) {
    int n = q.length;
    int d = config.headSize();
    AttentionPattern pattern = attention.pattern(true);
    double[][] out = new double[n][config.hidden()];
    for (int head = 0; head < config.heads(); head++) {
      double[][] weight = new double[n][n];
      for (int branch = 0; branch < pattern.branches(); branch++) {
        for (long segment = 0; segment < pattern.endSegment(branch, n, n); segment++) {
          Fold fold = pattern.fold(branch, segment, head, config.heads(), n);
          for (long i = 0; i < fold.queries().count(); i++) {
            long query = fold.queries().position(i);
            Rows seen = fold.seen(query, true);
            for (long j = 0; j < seen.count(); j++) {
              weight[(int) query][(int) seen.position(j)]++;
            }
          }
        }
      }
      for (int t = 0; t < n; t++) {
        double sum = 0;
        double[] row = new double[d];
        for (int s = 0; s < n; s++) {
          if (weight[t][s] > 0) {
            double score = 0;
            for (int i = head * d; i < (head + 1) * d; i++) {
              score += q[t][i] * k[s][i];
            }
            double e = weight[t][s] * Math.exp(score / Math.sqrt(d));
            sum += e;
            for (int i = 0; i < d; i++) {
              row[i] += e * v[s][head * d + i];
            }
          }
        }
        for (int i = 0; i < d && sum > 0; i++) {
          out[t][head * d + i] = row[i] / sum;
        }
      }
    }
    return out;
  }

  /// The Maclaurin series up to 3, where erf is 1 to 1e-5, and the continued fraction of erfc
  /// beyond.
  static double erf(double x) {
    if (x < 0) {
      return -erf(-x);
    }
    if (x > 3) {
      double f = 0;
      for (int k = 60; k > 0; k--) {
        f = k / 2.0 / (x + f);
      }
      return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f);
    }
    double term = x;
    double sum = x;
    for (int k = 1; k < 80; k++) {
      term *= -x * x / k;
      sum += term / (2 * k + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
}
