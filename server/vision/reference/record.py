#!/usr/bin/env python3
"""Records what the networks of server/vision say to a fixed input when the
runtimes of their makers run them, for the tests of that crate:

    pip install numpy ai-edge-litert
    npm install @vladmandic/face-api@1.7.15
    server/vision/reference/record.py models/weights/face node_modules/@vladmandic/face-api > networks.json

The first argument is the folder of fetched weights, the second the unpacked
package of face-api (which brings its own runtime).
"""

import json
import math
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter

MOST = 200  # values kept of each output, evenly spread


def pattern(count, gain=1.0, offset=0.0):
    """The input: smooth, not constant, the same in every language."""
    return np.array([
        offset + gain * (0.5 + 0.4 * math.sin(0.37 * i) * math.cos(0.0011 * i) + 0.1 * math.sin(0.00013 * i))
        for i in range(count)
    ])


def spread(values):
    values = np.asarray(values, dtype=float).ravel()
    step = max(1, len(values) // MOST)
    return [round(float(value), 6) for value in values[::step]]


def lite(name, content, gain=1.0, offset=0.0):
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    count = int(np.prod(given["shape"]))
    interpreter.set_tensor(given["index"], pattern(count, gain, offset).reshape(given["shape"]).astype(np.float32))
    interpreter.invoke()
    outputs = [spread(interpreter.get_tensor(out["index"])) for out in interpreter.get_output_details()]
    return {"name": name, "gain": gain, "offset": offset, "outputs": outputs}


def identity(package):
    script = """
      const fs = require('fs');
      // Its bundle is for browsers; in Node it asks for a module it lacks.
      Object.defineProperty(process, 'versions', {value: {}});
      globalThis.window = globalThis;
      globalThis.document = {createElement: () => ({})};
      (async () => {
        const faceapi = await import(process.argv[1] + '/dist/face-api.esm.js');
        await faceapi.tf.setBackend('cpu');
        const net = faceapi.nets.faceRecognitionNet;
        const folder = process.argv[1] + '/model/';
        const manifest = JSON.parse(fs.readFileSync(folder + 'face_recognition_model-weights_manifest.json'));
        const bytes = fs.readFileSync(folder + 'face_recognition_model.bin');
        const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
        const weights = faceapi.tf.io.decodeWeights(data, manifest[0].weights);
        net.loadFromWeightMap(weights);
        const values = JSON.parse(fs.readFileSync(0));
        const out = net.forwardInput(new faceapi.NetInput([faceapi.tf.tensor3d(values, [150, 150, 3])]));
        console.log(JSON.stringify(Array.from(await out.data())));
      })();
    """
    values = pattern(150 * 150 * 3, 255.0)
    out = subprocess.run(["node", "-e", script, str(package.resolve())], input=json.dumps(values.tolist()),
                         text=True, check=True, stdout=subprocess.PIPE)
    return {"name": "identity", "gain": 255.0, "offset": 0.0, "outputs": [spread(json.loads(out.stdout.splitlines()[-1]))]}


weights, package = map(pathlib.Path, sys.argv[1:])
task = zipfile.ZipFile(weights / "face_landmarker.task")
networks = [
    lite("face_detector.tflite", task.read("face_detector.tflite"), 2.0, -1.0),
    lite("face_landmarks_detector.tflite", task.read("face_landmarks_detector.tflite")),
    lite("face_blendshapes.tflite", task.read("face_blendshapes.tflite"), 256.0),
    lite("selfie_segmentation.tflite", (weights / "selfie_segmentation.tflite").read_bytes()),
    identity(package),
]
print("[\n" + ",\n".join(json.dumps(network) for network in networks) + "\n]")
