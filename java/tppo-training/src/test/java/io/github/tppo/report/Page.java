// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** A page taken apart by a strict parser: what is not well-formed fails here. */
record Page(Document document) {

  static Page of(String html) throws Exception {
    return new Page(DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(html))));
  }

  List<Element> elements(String tag) {
    return list(document.getElementsByTagName(tag));
  }

  /** The elements of a name inside another. */
  static List<Element> below(Element parent, String tag) {
    return list(parent.getElementsByTagName(tag));
  }

  private static List<Element> list(NodeList nodes) {
    List<Element> list = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      list.add((Element) nodes.item(i));
    }
    return list;
  }

  /** The exact numbers behind the shown ones. */
  List<Double> numbers() {
    return elements("data").stream().map(e -> Double.parseDouble(e.getAttribute("value"))).toList();
  }

  List<String> sections() {
    return elements("section").stream().map(e -> e.getAttribute("id")).toList();
  }

  String heading() {
    return elements("h1").get(0).getTextContent();
  }

  String text() {
    return document.getDocumentElement().getTextContent();
  }
}
